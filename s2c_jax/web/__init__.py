"""The web page on which people colour sketches, and its server."""
