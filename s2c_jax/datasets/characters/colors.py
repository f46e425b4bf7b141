"""The colours of people: as in life and in anime, with a shadow of each."""

import colorsys
import random

# Skin colours from light to dark, each with its weight. A network that cannot know a figure's skin
# paints the mean of all, so the weights make the mean look like skin.
_SKINS = {
    "#ffe3d0": 5, "#fdd9c0": 6, "#f9ccab": 7, "#f4bf98": 6, "#ebad80": 4, "#dc9c6c": 3,
    "#c98657": 2, "#ad6f43": 1.5, "#8d5735": 1.5, "#6f432a": 1, "#553322": 1,
}  # fmt: skip
# Hair, natural colours first.
_HAIR = (
    "#1d1a1f", "#2b2230", "#3a2a24", "#53372a", "#6f4a33", "#8e6239", "#b98a4e", "#dcb568",
    "#efd993", "#c9552d", "#a8322d", "#9aa1b0", "#5a6372", "#e8e6ee", "#e88aa8", "#b87fd0",
    "#7c62c4", "#5a86d8", "#66bfcf", "#58b388",
)  # fmt: skip
# The number of hair colours that figures of one hair style have.
_HAIR_COLORS_OF_STYLE = 3
# The hues of irises, in [0, 1]: browns, greens, blues, violets and reds.
_IRIS_HUES = (0.05, 0.08, 0.1, 0.3, 0.45, 0.55, 0.6, 0.65, 0.75, 0.95, 0.0)
# Dull clothes, which are as frequent as vivid ones.
_CLOTHES = ("#ffffff", "#f2efe9", "#2c3550", "#33343c", "#7b8494")


def draw_colors(rng: random.Random, hair_style: str) -> dict[str, str]:
    """Draws the colours of a figure, "#rrggbb", by the kind of region.

    Each hair style has three hair colours of its own, so that a network can learn from a drawing
    which colour its hair is likely to have. All other colours are independent of the drawing.
    """
    own_hair = random.Random(hair_style).sample(_HAIR, _HAIR_COLORS_OF_STYLE)
    return {
        "skin": _vary(rng, rng.choices(list(_SKINS), list(_SKINS.values()))[0]),
        "hair": _vary(rng, rng.choice(own_hair)),
        "clothes": _vary(rng, rng.choice((_vivid(rng), rng.choice(_CLOTHES)))),
        "accent": _vivid(rng),
        "iris": _from_hsv(
            rng.choice(_IRIS_HUES) + rng.uniform(-0.02, 0.02),
            rng.uniform(0.4, 0.85),
            rng.uniform(0.35, 0.85),
        ),
        "lips": _from_hsv(rng.uniform(0.95, 1.01), rng.uniform(0.45, 0.7), rng.uniform(0.7, 0.95)),
        "throat": "#7a2d38",
        "white": "#ffffff",
    }


def draw_background(rng: random.Random) -> str:
    """Draws a light colour for the area behind figures."""
    return _from_hsv(rng.random(), rng.uniform(0.1, 0.4), rng.uniform(0.75, 1))


def shadow(color: str) -> str:
    """Returns the colour of a region in the shadow: darker, more saturated, the hue turned."""
    hue, saturation, value = colorsys.rgb_to_hsv(*_to_rgb(color))
    turn = 0.02 if 0.1 < hue < 0.6 else -0.02
    return _from_hsv(hue + turn, min(1.0, 1.15 * saturation + 0.05), 0.76 * value)


def luma(color: str) -> float:
    """Returns the luma of "#rrggbb" in [0, 1], by Rec. 601."""
    red, green, blue = _to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _vivid(rng: random.Random) -> str:
    return _from_hsv(rng.random(), rng.uniform(0.25, 0.9), rng.uniform(0.35, 1))


def _vary(rng: random.Random, color: str) -> str:
    """Returns nearly the same colour."""
    hue, saturation, value = colorsys.rgb_to_hsv(*_to_rgb(color))
    return _from_hsv(
        hue + rng.uniform(-0.015, 0.015),
        min(1.0, saturation * rng.uniform(0.92, 1.08)),
        min(1.0, value * rng.uniform(0.94, 1.06)),
    )


def _to_rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _from_hsv(hue: float, saturation: float, value: float) -> str:
    rgb = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)
