"""Pictures and lines, without any network: files, letterbox, compositing, palettes, sheets."""
