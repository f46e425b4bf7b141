"""Pairs from the drawings of OpenMoji."""
