"""Pairs of drawn people."""
