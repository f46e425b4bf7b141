"""The exported page, opened from a file in Chromium, gives the same pictures as colorize."""

import re

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s2c_jax.export import __main__
from s2c_jax.inference.colorizer import Colorizer
from tests.support.screenshots import SCREENSHOTS

pytestmark = pytest.mark.slow(reason="trains a network, and colours pictures in Chromium")


@pytest.fixture(scope="module")
def file(trained_workdir, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    licence = "</script><b>mine</b>"
    arguments = ["--workdir", str(trained_workdir), "--format", "html", "--licence", licence]
    __main__.main([*arguments, str(path)])
    return path


@pytest.fixture
def page(browser, file):
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.set_default_timeout(60_000)
    requests = []
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(file.as_uri())
    opened.get_by_text("Ready.").wait_for()
    yield opened
    assert not [url for url in requests if url.startswith("http")]
    opened.close()


@pytest.fixture(scope="module")
def colorizer(trained_workdir):
    return Colorizer(trained_workdir)


def draw_circles(size, paper="white", ink="black", width=12):
    sketch = Image.new("RGB", size, paper)
    draw = ImageDraw.Draw(sketch)
    side = min(size)
    for share in (0.45, 0.2):
        box = [length / 2 + sign * share * side for sign in (-1, 1) for length in size]
        draw.ellipse(box, outline=ink, width=width)
    return sketch


SKETCHES = {
    "square": draw_circles((512, 512)),
    "upright": draw_circles((300, 700), ink="#202060"),
    "wide, on grey": draw_circles((641, 233), paper="#dcdcd4"),
    "of half a pixel": draw_circles((324, 512)),
    "dense": draw_circles((512, 512), width=70),
    "small": draw_circles((40, 30), width=2),
    "flat": draw_circles((300, 1), width=1),
    "large, with fine lines": draw_circles((1500, 1200), width=2),
    "blank": Image.new("RGB", (90, 70), "white"),
    "transparent": draw_circles((200, 200)).convert("RGBA"),
}
# Fine hatching leaves little of the paper.
ImageDraw.Draw(SKETCHES["dense"]).line([(x, y) for x in range(0, 512, 9) for y in (0, 512)], 0, 4)
SKETCHES["transparent"].putalpha(SKETCHES["transparent"].convert("L").point(lambda v: 255 - v))


def choose(page, path):
    """Chooses a file, and returns the status when it is coloured or refused."""
    page.set_input_files("#file", path)
    page.wait_for_function(
        "name => document.querySelector('#status').textContent.match(/ s of them|:/)", arg=path.name
    )
    return page.locator("#status").inner_text()


@pytest.mark.parametrize("name", SKETCHES)
def test_page_gives_the_same_pictures_as_colorize(page, colorizer, tmp_path, name):
    path = tmp_path / "sketch.png"
    SKETCHES[name].save(path)
    status = choose(page, path)
    width, height = SKETCHES[name].size
    assert re.match(rf"{width}x{height} pixels in [\d.]+ s, the network [\d.]+ s of them", status)
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "sketch_coloured.png"
    picture = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    (expected,) = colorizer([Image.open(path)])
    difference = np.abs(picture - np.asarray(expected))
    assert difference.mean() < 0.1
    assert np.percentile(difference, 99) <= 2
    dark = np.asarray(Image.open(path).convert("RGB")).max(axis=-1) < 100
    if name != "transparent":
        np.testing.assert_array_less(difference[dark], 3)
    if name in ("square", "large, with fine lines"):
        page.screenshot(path=SCREENSHOTS / f"page_{name.split(',')[0]}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_page_names_a_bad_file_and_takes_the_next_one(page, tmp_path):
    bad, good = tmp_path / "bad.png", tmp_path / "good.png"
    bad.write_text("no picture")
    assert choose(page, bad) == "bad.png: not a picture that this browser can read"
    assert page.locator("#download").is_hidden()
    SKETCHES["small"].save(good)
    page.set_input_files("#file", good)
    page.get_by_text("s of them").wait_for()


def test_footer_names_the_network_and_the_licences(page):
    assert "</script><b>mine</b>" in page.locator("footer").inner_text()
    assert "openmoji_sketch, 64 px, step" in page.locator("footer").inner_text()
    assert "MIT License" in page.locator("footer").inner_text()
