"""Where the browser tests put screenshots for people to look at."""

from pathlib import Path

SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
