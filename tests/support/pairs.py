"""Pairs of a sketch and its colours, in [-1, 1]."""

import jax.numpy as jnp
import numpy as np

SIDE = 64
RED, BLUE = np.float32([0.8, -0.6, -0.6]), np.float32([-0.6, -0.6, 0.8])


def box_of_two_colors(count=1):
    """A box, its left half red and its right half blue, within black lines on white paper."""
    sketch = np.ones((SIDE, SIDE, 3), np.float32)
    sketch[15:50, 15:50] = -1
    sketch[17:48, 17:31] = sketch[17:48, 33:48] = 1
    color = sketch.copy()
    color[17:48, 17:31], color[17:48, 33:48] = RED, BLUE
    return tuple(jnp.broadcast_to(a, (count, *a.shape)) for a in (sketch, color))
