"""Sketch and colour pairs from OpenMoji."""
