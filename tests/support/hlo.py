"""Reads compiled programs."""

import math
import re


def collectives(program: str) -> list[tuple[str, int]]:
    """Returns the kind of each collective of a compiled program, and its float32 operands' number.

    Args:
        program: its HLO as text.
    """
    found = re.findall(r"= (.*?) (all-[a-z]+|reduce-scatter|collective-\w+)\(", program)
    return [
        (
            kind,
            sum(
                math.prod(int(side) for side in shape.split(",") if side)
                for shape in re.findall(r"f32\[([\d,]*)\]", shapes)
            ),
        )
        for shapes, kind in found
    ]
