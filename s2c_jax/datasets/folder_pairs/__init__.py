"""One's own pairs."""
