"""Where the browser tests put their screenshots."""

from pathlib import Path

# To look at.
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
