"""Networks that others trained, and the files that hold their weights."""
