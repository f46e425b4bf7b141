"""The page on which a person colours a sketch, and its server."""
