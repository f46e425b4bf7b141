"""The web page in Chromium, as a person uses it; screenshots are put in build/screenshots/."""

import io
import math
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.support.screenshots import SCREENSHOTS
from tests.support.servers import serving


@pytest.fixture(scope="module")
def server(trained_workdir):
    with serving(trained_workdir) as started:
        yield started


@pytest.fixture(params=[1200, 390], ids=["desk", "phone"])
def page(browser, server, request):
    phone = request.param < 800
    context = browser.new_context(
        viewport={"width": request.param, "height": 900}, is_mobile=phone, has_touch=phone
    )
    new_page = context.new_page()
    new_page.set_default_timeout(60_000)
    new_page.goto(server.url)
    ready(new_page, "sketch")
    yield new_page
    context.close()


def ready(page, canvas):
    """Waits until a canvas takes strokes."""
    page.wait_for_selector(f"#{canvas} canvas")
    # The hints' canvas waits for the server, which puts the sketch under the hints.
    page.wait_for_timeout(2000 if canvas == "sketch" else 5000)


def stroke(page, canvas, points):
    """Draws through points, given from the canvas's middle as shares of its shorter side."""
    page.locator(f"#{canvas} canvas").first.scroll_into_view_if_needed()
    box = page.locator(f"#{canvas} canvas").first.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    places = [
        [m + min(box["width"], box["height"]) * part for m, part in zip(middle, point)]
        for point in points
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()
    page.wait_for_timeout(500)


def draw_circle(page):
    turns = np.linspace(0, 2 * math.pi, 60)
    stroke(page, "sketch", [(0.25 * math.cos(turn), 0.25 * math.sin(turn)) for turn in turns])


def colour(page):
    """Clicks on Colour and waits until the slider shows other pictures."""
    before = sources(page)
    page.click("#go")
    page.wait_for_function(
        "before => { const sources = [...document.querySelectorAll('#result img')].map(i => i.src);"
        " return sources.length && sources.join() != before }",
        arg=",".join(before),
    )
    page.wait_for_timeout(1000)


def sources(page):
    return page.locator("#result img").evaluate_all("images => images.map(i => i.src)")


def wide_sketch(folder):
    sketch = Image.new("RGB", (700, 400), "white")
    ImageDraw.Draw(sketch).ellipse((200, 50, 500, 350), outline="black", width=12)
    sketch.save(folder / "sketch.png")
    return folder / "sketch.png"


def upload(page, file):
    with page.expect_file_chooser() as chooser:
        page.click("#upload")
    chooser.value.set_files(file)


def download(page, format="png"):
    page.locator("#format").get_by_text(format, exact=True).click()
    with page.expect_download() as started:
        page.click("#download")
    assert started.value.suggested_filename == f"coloured.{format}"
    return started.value.path()


def test_drawing_is_coloured_hinted_and_downloaded(page, request):
    name = request.node.callspec.id
    draw_circle(page)
    colour(page)
    page.screenshot(path=SCREENSHOTS / f"{name}_coloured.png", full_page=True)
    before = np.asarray(Image.open(download(page))).astype(int)
    assert before.shape == (512, 512, 3)
    dark = before.max(axis=-1) < 5
    assert 1000 < dark.sum() < 20_000

    page.get_by_role("tab", name="Hints").click()
    ready(page, "hints")
    stroke(page, "hints", [(-0.06, 0), (0.06, 0.01)])
    colour(page)
    page.screenshot(path=SCREENSHOTS / f"{name}_hinted.png", full_page=True)
    after = np.asarray(Image.open(download(page))).astype(int)
    middle = np.s_[236:276, 236:276]
    assert np.abs(after - before)[middle].mean() > 10
    np.testing.assert_array_equal(after[dark], before[dark])

    with zipfile.ZipFile(download(page, "ora")) as archive:
        flat = Image.open(io.BytesIO(archive.read("mergedimage.png"))).convert("RGB")
    np.testing.assert_array_equal(np.asarray(flat), after)
    assert Image.open(download(page, "psd")).size == (512, 512)


def test_uploaded_sketch_has_variants_to_choose_from(page, request, tmp_path):
    name = request.node.callspec.id
    upload(page, wide_sketch(tmp_path))
    page.wait_for_timeout(3000)
    page.get_by_role("tab", name="Palette").click()
    page.locator("#count input[type=number]").fill("3")
    page.locator("#count input[type=number]").press("Enter")
    colour(page)
    buttons = page.locator("#variants button")
    buttons.nth(2).wait_for()
    assert buttons.count() == 3
    first = np.asarray(Image.open(download(page)))
    before = sources(page)
    buttons.nth(2).click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('#result img')].map(i => i.src).join() != before",
        arg=",".join(before),
    )
    page.screenshot(path=SCREENSHOTS / f"{name}_variants.png", full_page=True)
    third = np.asarray(Image.open(download(page)))
    assert first.shape == third.shape == (400, 700, 3)
    assert (first != third).any()
    # The page must not scroll sideways.
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


def test_example_is_coloured_after_a_click(page, request):
    examples = page.locator("#examples button")
    assert examples.count() >= 3
    examples.nth(1).click()
    page.wait_for_timeout(2000)
    colour(page)
    page.screenshot(path=SCREENSHOTS / f"{request.node.callspec.id}_example.png", full_page=True)
    assert Image.open(download(page)).size == (512, 512)


def test_page_works_on_after_an_error_message(page, tmp_path):
    page.click("#download")
    page.get_by_text("nothing to download").wait_for()
    (tmp_path / "bad.png").write_text("no picture")
    upload(page, tmp_path / "bad.png")
    page.get_by_text("not a PNG, JPEG or WebP picture").wait_for()
    page.screenshot(path=SCREENSHOTS / "bad_upload.png", full_page=True)
    draw_circle(page)
    colour(page)


def test_choosing_another_sketch_removes_the_hints(page):
    examples = page.locator("#examples button")
    examples.nth(0).click()
    page.wait_for_timeout(8000)
    colour(page)
    alone = np.asarray(Image.open(download(page)))
    page.get_by_role("tab", name="Hints").click()
    ready(page, "hints")
    stroke(page, "hints", [(-0.06, 0), (0.06, 0.01)])
    # Choose another sketch while the hints' tab is open, and then the first one again.
    for number in (1, 0):
        examples.nth(number).click()
        page.wait_for_timeout(8000)
        colour(page)
    # The canvas of the hints may follow the choice late on a busy machine.
    for _ in range(5):
        again = np.asarray(Image.open(download(page)))
        if np.array_equal(again, alone):
            break
        page.wait_for_timeout(5000)
        colour(page)
    np.testing.assert_array_equal(again, alone)


def test_hints_can_be_cleared_and_painted_again(page, tmp_path):
    upload(page, wide_sketch(tmp_path))
    page.wait_for_timeout(3000)
    page.get_by_role("tab", name="Hints").click()
    ready(page, "hints")
    page.locator("#hints").get_by_role("button", name="Clear").click()
    page.wait_for_timeout(3000)
    page.locator("#hints").get_by_role("button", name="Brush", exact=True).click()
    stroke(page, "hints", [(-0.06, 0), (0.06, 0.01)])
    colour(page)
    assert Image.open(download(page)).size == (700, 400)


def test_picked_palette_changes_the_picture(page, request):
    page.locator("#examples button").nth(0).click()
    page.wait_for_timeout(2000)
    colour(page)
    before = np.asarray(Image.open(download(page)))
    page.get_by_role("tab", name="Palette").click()
    picker = page.locator("#palette_2")
    picker.get_by_role("button").first.click()
    page.wait_for_timeout(500)
    name = f"{request.node.callspec.id}_palette.png"
    page.screenshot(path=SCREENSHOTS / name, full_page=True)
    # The opened picker must be visible as a whole: the bar of hues is its widest part.
    bar = picker.locator(".hue-slider")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box["x"] + box["width"] <= page.viewport_size["width"]
    field = picker.locator("input[type=text]")
    field.fill("#00c000")
    field.press("Enter")
    page.wait_for_timeout(500)
    colour(page)
    page.screenshot(path=SCREENSHOTS / name.replace("palette", "palette_used"), full_page=True)
    assert (np.asarray(Image.open(download(page))) != before).any()
