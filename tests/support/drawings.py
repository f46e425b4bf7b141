"""Small drawings in OpenMoji's layout."""

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
