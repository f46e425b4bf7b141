"""What the page answers to events."""

import os
import time

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from s2c_jax.drawing import palette
from s2c_jax.inference.colorizer import Colorizer, variant_seeds
from s2c_jax.web.handlers import KEPT_SECONDS, Handlers, make_canvas, new_folder
from tests.support.sketches import half_painted_hints, noise_sketch


@pytest.fixture(scope="module")
def colorizer(guided_workdir):
    return Colorizer(guided_workdir)


@pytest.fixture
def handlers(colorizer, tmp_path):
    return Handlers(colorizer, tmp_path / "files")


def test_canvases_are_coloured_as_by_the_colorizer(handlers, colorizer):
    """With hints, a palette and variants; the download has full size."""
    sketch = make_canvas(noise_sketch())
    hints = make_canvas(noise_sketch(), [half_painted_hints()])
    _, colored, chosen, shown = handlers.color_canvas(sketch, hints, 3.0, 5.0, "#00ff00", None, "")
    colors = [palette.from_colors("#00ff00")] * 3
    expected = colorizer(
        [noise_sketch()] * 3, [half_painted_hints()] * 3, colors, variant_seeds(5, 3)
    )
    assert chosen == 0
    for variant, picture in enumerate(expected):
        file = handlers.download(colored, variant, "png")
        np.testing.assert_array_equal(np.asarray(Image.open(file)), np.asarray(picture))
    np.testing.assert_array_equal(np.asarray(shown[1]), np.asarray(expected[0]))


def test_large_sketches_are_shown_smaller_and_downloaded_in_full_size(handlers):
    canvas = make_canvas(Image.new("RGB", (2000, 1000), "white"))
    _, colored, _, (sketch, picture) = handlers.color_canvas(canvas, None, 1.0, 0.0)
    assert sketch.size == picture.size == (1024, 512)
    assert Image.open(handlers.download(colored, 0, "png")).size == (2000, 1000)


def test_expired_sketch_gets_a_message(handlers):
    _, colored, _, _ = handlers.color_canvas(make_canvas(noise_sketch()), None, 1.0, 0.0)
    colored.file.unlink()
    with pytest.raises(gr.Error, match="this sketch has expired: upload it again"):
        handlers.download(colored, 0, "png")


def test_hints_of_another_size_are_dropped_with_a_new_sketch(handlers):
    hints = make_canvas(noise_sketch(8, 8), [half_painted_hints((8, 8))])
    laid = handlers.lay_under_hints(make_canvas(noise_sketch()), hints)
    assert laid["background"].size == (40, 30)
    assert laid["layers"] == []


@pytest.mark.parametrize(
    ("canvas", "hints", "message"),
    [
        (None, None, "there is no sketch yet"),
        (make_canvas(Image.new("L", (4097, 4096))), None, "4097x4096 pixels are more than"),
        (
            make_canvas(noise_sketch()),
            make_canvas(noise_sketch(8, 8), [half_painted_hints((8, 8))]),
            "painted on another sketch",
        ),
    ],
    ids=["no sketch", "too large", "hints of another size"],
)
def test_bad_canvases_get_a_message(handlers, canvas, hints, message):
    with pytest.raises(gr.Error, match=message):
        handlers.color_canvas(canvas, hints, 1.0, 0.0)


def test_new_folder_deletes_expired_folders_only(tmp_path):
    old, recent = new_folder(tmp_path), new_folder(tmp_path)
    expired = time.time() - KEPT_SECONDS - 1
    os.utime(old, (expired, expired))
    new = new_folder(tmp_path)
    assert set(tmp_path.iterdir()) == {recent, new}
