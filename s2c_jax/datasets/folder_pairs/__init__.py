"""Pairs from the user's own files."""
