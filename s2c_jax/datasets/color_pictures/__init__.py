"""Pairs from the user's own colour pictures, whose sketches are drawn by extractors of lines."""
