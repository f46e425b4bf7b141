"""Renders SVG files."""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def render(svg: str, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Renders an SVG file's text on white, `size` pixels wide and high."""
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=size, height=size, background="#ffffff", skip_system_fonts=True
    )
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
