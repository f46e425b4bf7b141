"""Painted hints have the true colours, near the places that have them."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from s2c_jax.drawing import marks
from tests.support.pairs import box_of_two_colors

MARKS = jax.jit(marks.paint_marks)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(1, marks.MAX_MARKS))
def test_marks_have_roughly_the_true_colors_near_their_places(seed, count):
    sketch, color = box_of_two_colors()
    hints = np.asarray(MARKS(jax.random.key(seed), sketch[0], color[0], jnp.int32(count)))
    rows, columns = np.nonzero(hints[..., 3])
    assert len(rows)
    for row, column in zip(rows, columns, strict=True):
        # A mark's radius and several standard deviations of its shift are less than 7 pixels.
        around = slice(max(0, row - 6), row + 7), slice(max(0, column - 6), column + 7)
        near = np.abs(color[0][around] - hints[row, column, :3]).max(axis=-1).min()
        assert near <= marks._MAX_COLOR_SHIFT + 1e-6
    # No mark is black: people do not paint the lines.
    assert hints[rows, columns, :3].max(axis=-1).min() > 0.5


def test_the_same_key_gives_the_same_first_marks_for_any_count():
    sketch, color = box_of_two_colors()
    key = jax.random.key(3)
    one, five = (np.asarray(MARKS(key, sketch[0], color[0], jnp.int32(n)))[..., 3] for n in (1, 5))
    assert 0 < one.sum() < five.sum()
    assert (five[one > 0] == 1).all()
    assert not np.asarray(MARKS(key, sketch[0], color[0], jnp.int32(0))).any()


def test_most_marks_lie_on_colored_pixels():
    keys = jax.random.split(jax.random.key(1), 200)
    sketch, color = box_of_two_colors(len(keys))
    hints = np.asarray(jax.vmap(lambda k, s, c: MARKS(k, s, c, jnp.int32(1)))(keys, sketch, color))
    white = (hints[..., 3] > 0) & (hints[..., :3].min(axis=-1) > 0.5)
    assert 0 < white.any(axis=(1, 2)).mean() < 0.5


def test_hints_of_a_blank_picture_are_white():
    blank = jnp.ones((64, 64, 3))
    hints = np.asarray(MARKS(jax.random.key(0), blank, blank, jnp.int32(8)))
    assert hints[..., 3].any()
    assert hints[hints[..., 3] > 0].min() > 0.9
