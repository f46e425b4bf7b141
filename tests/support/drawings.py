"""Small drawings: in OpenMoji's layout, and as a data set's examples."""

import numpy as np
from PIL import Image

from s2c_jax.datasets import pairs

# The number of drawings in the data set of the fixture `data_dir`, over both splits.
NUM_DRAWINGS = 48


def drawing(color: str, radius: float, *, line: bool = True) -> str:
    """Returns an SVG file in OpenMoji's layout: a disc of one colour and, if `line`, its outline.

    Args:
        color: such as "#ff0000".
        radius: in the units of the view box, which is 72 wide.
        line: whether the drawing has a group of lines.
    """
    outline = (
        f'<g id="line"><circle cx="36" cy="36" r="{radius}" fill="none" stroke="#000" '
        'stroke-width="2"/></g>'
    )
    return (
        '<svg id="emoji" viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg">'
        f'<g id="color"><circle cx="36" cy="36" r="{radius}" fill="{color}"/></g>'
        f"{outline if line else ''}</svg>"
    )


def encoded(sketch: np.ndarray, color: np.ndarray) -> pairs.Example:
    """Returns the example of a pair of pictures, uint8 (size, size, 3)."""
    return pairs.encode(sketch=Image.fromarray(sketch), color=Image.fromarray(color))
