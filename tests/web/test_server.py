"""The web page's server, as programs call it: many at once, some of them with bad files."""

import os
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio_client
import httpx
import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image, ImageDraw

from s2c_jax.drawing import image_files
from s2c_jax.drawing.palette import from_colors
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.web import server as server_lib
from tests.support.sketches import half_painted_hints, huge_png, noise_sketch

CLIENTS = 8
REQUESTS_PER_CLIENT = 25


@pytest.fixture
def client(server, tmp_path):
    return gradio_client.Client(server.url, verbose=False, download_files=str(tmp_path / "got"))


def draw_circle(path, size=(200, 160)):
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).ellipse((30, 20, 150, 130), outline=0, width=8)
    picture.save(path)
    return path


def write_bomb(path):
    path.write_bytes(huge_png(60000, 60000))
    return path


def color(client, sketch, hints=None, palette="", seed=None, kind="png"):
    files = [None if file is None else handle_file(str(file)) for file in (sketch, hints)]
    return Path(client.predict(*files, palette, seed, kind, api_name="/color"))


@pytest.mark.slow(reason="starts the server and compiles each kind of guidance in it")
def test_program_gets_the_pictures_of_the_colorizer(client, guided_workdir, tmp_path):
    sketch, hints = tmp_path / "sketch.png", tmp_path / "hints.png"
    noise_sketch().save(sketch)
    half_painted_hints().save(hints)
    colorizer = Colorizer(guided_workdir)

    def expected(**guidance):
        (picture,) = colorizer([Image.open(sketch)], **guidance)
        return np.asarray(picture).astype(int)

    pairs = {
        (): expected(),
        (("hints", hints),): expected(hints=[half_painted_hints()]),
        (("palette", "#00ff00,blue"),): expected(palettes=[from_colors("#00ff00,blue")]),
        (("seed", 7),): expected(seeds=[7]),
    }
    for arguments, picture in pairs.items():
        answer = np.asarray(Image.open(color(client, sketch, **dict(arguments)))).astype(int)
        # The server's batch has another size: one device instead of eight.
        assert np.abs(answer - picture).max() <= 1, arguments
    assert len({picture.tobytes() for picture in pairs.values()}) == len(pairs)


def test_program_gets_layered_files(client, tmp_path):
    sketch = draw_circle(tmp_path / "sketch.png")
    with zipfile.ZipFile(color(client, sketch, kind="ora")) as archive:
        assert archive.read("mimetype") == b"image/openraster"
    assert color(client, sketch, kind="psd").read_bytes()[:4] == b"8BPS"


def test_bad_requests_get_a_message(client, tmp_path):
    sketch = draw_circle(tmp_path / "sketch.png")
    text, cut = tmp_path / "text.png", tmp_path / "cut.png"
    text.write_text("no picture")
    cut.write_bytes(sketch.read_bytes()[:300])
    for mistake, message in (
        ({"sketch": text}, "the sketch: not a PNG, JPEG or WebP picture"),
        ({"sketch": cut}, "the sketch: cannot be read"),
        ({"sketch": write_bomb(tmp_path / "bomb.png")}, "more than 4096x4096"),
        ({"sketch": None}, "there is no sketch"),
        ({"sketch": sketch, "hints": sketch}, "hints"),
        ({"sketch": sketch, "hints": text}, "the hints: not a PNG"),
        ({"sketch": sketch, "palette": "blurple"}, "'blurple' is no colour"),
        ({"sketch": sketch, "kind": None}, "there is no format None, but png, ora, psd"),
    ):
        with pytest.raises(gradio_client.exceptions.AppError, match=re.escape(message)):
            color(client, **mistake)


def test_upload_above_the_limit_is_refused(server):
    file = {"files": ("large.png", bytes(image_files.MAX_FILE_BYTES + 1))}
    answer = httpx.post(f"{server.url}/gradio_api/upload", files=file)
    assert answer.status_code == 413


def test_canvas_of_too_many_pixels_is_refused_before_it_is_decoded(server, tmp_path):
    """The request is the one that the page sends, posted by a program."""
    with httpx.Client(base_url=server.url) as http:
        file = {"files": ("bomb.png", write_bomb(tmp_path / "bomb.png").read_bytes())}
        (path,) = http.post("/gradio_api/upload", files=file).json()
        config = http.get("/config").json()
        (event,) = (
            event["id"] for event in config["dependencies"] if event.get("scroll_to_output")
        )
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        canvas = {"background": picture, "layers": [], "composite": picture}
        data = [canvas, None, 1, 0, None, None, None, None]
        session = {"data": data, "fn_index": event, "session_hash": "it"}
        http.post("/gradio_api/queue/join", json=session).raise_for_status()
        with http.stream("GET", "/gradio_api/queue/data?session_hash=it", timeout=60) as stream:
            answers = "".join(stream.iter_text())
    assert "exceeds limit" in answers
    assert '"success":false' in answers.replace(" ", "")


@pytest.mark.slow(reason="two hundred requests; the server colours one at a time")
def test_two_hundred_requests_of_eight_clients_are_answered(server, tmp_path):
    """Each good request gets its own picture, while others fail or leave before the answer."""
    bad = [write_bomb(tmp_path / "bomb.png"), tmp_path / "text.png"]
    bad[1].write_text("no picture")

    def leave(file):
        """Asks for a picture and closes the connection before the answer."""
        with httpx.Client(base_url=server.url) as http:
            (path,) = http.post(
                "/gradio_api/upload", files={"files": ("a.png", file.read_bytes())}
            ).json()
            sketch = {"path": path, "meta": {"_type": "gradio.FileData"}}
            call = http.post(
                "/gradio_api/call/color", json={"data": [sketch, None, "", None, "png"]}
            )
            with http.stream("GET", f"/gradio_api/call/color/{call.json()['event_id']}"):
                pass

    def work(number):
        size = (100 + number, 90)
        file = draw_circle(tmp_path / f"{number}.png", size)
        client = gradio_client.Client(
            server.url, verbose=False, download_files=str(tmp_path / f"got{number}")
        )
        answered = refused = left = 0
        for request in range(REQUESTS_PER_CLIENT):
            if request % 10 == 3:
                with pytest.raises(gradio_client.exceptions.AppError, match="the sketch"):
                    color(client, bad[request // 10 % 2])
                refused += 1
            elif request % 10 == 7:
                leave(file)
                left += 1
            else:
                assert Image.open(color(client, file, seed=request)).size == size
                answered += 1
        return answered, refused, left

    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = np.array(list(pool.map(work, range(CLIENTS))))
    assert counts.sum() == CLIENTS * REQUESTS_PER_CLIENT == 200
    assert counts.sum(axis=0).tolist() == [160, 24, 16]
    assert server.process.poll() is None


def test_page_names_its_run(server, guided_workdir):
    config = str(httpx.get(f"{server.url}/config").json())
    assert str(guided_workdir) in config
    assert "trained on openmoji_sketch at 64 px, takes hints and palettes" in config


def anonymous_megabytes(process):
    """Returns the memory that a process has allocated, whether it is resident or swapped out."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    kinds = ("RssAnon", "VmSwap")
    return sum(int(re.search(rf"{kind}:\s+(\d+)", status)[1]) for kind in kinds) / 1024


@pytest.mark.slow(reason="three sketches of 12 megapixels, as PNG and in layers")
def test_memory_returns_after_large_sketches(client, server, tmp_path):
    """Measured: 6 MB stay. A large sketch takes 37 MB, and its layers take 98 MB."""
    small = draw_circle(tmp_path / "small.png")
    large = draw_circle(tmp_path / "large.png", (3500, 3500))
    # The first requests load the packages of the formats.
    for kind in ("png", "ora"):
        color(client, small, kind=kind)
    before = anonymous_megabytes(server.process)
    for kind in ("png", "ora", "png"):
        color(client, large, kind=kind)
        assert anonymous_megabytes(server.process) < before + 30, kind


@pytest.mark.slow(reason="fills the queue and waits until the server has answered all of it")
def test_requests_beyond_the_queue_are_refused_and_the_others_answered(server, client, tmp_path):
    sketch = draw_circle(tmp_path / "large.png", (800, 800))
    with httpx.Client(base_url=f"{server.url}/gradio_api", timeout=60) as http:
        (path,) = http.post("/upload", files={"files": sketch.read_bytes()}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, None, "", None, "png"]
        answers = [
            http.post("/call/color", json={"data": data})
            for _ in range(server_lib.MAX_WAITING + 40)
        ]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert {answer.status_code for answer in refused} == {503}
        assert "full" in refused[0].json()["detail"]
        accepted = [answer.json()["event_id"] for answer in answers if answer.status_code == 200]
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(lambda event: http.get(f"/call/color/{event}").text, accepted))
        assert all("event: complete" in answer for answer in answers)
    assert color(client, sketch).exists()


def test_serving_changes_no_settings_at_import():
    """Pillow's limit and Gradio's folder are settings of the server's process alone."""
    assert Image.MAX_IMAGE_PIXELS == 2**30 // 4 // 3
    assert "GRADIO_TEMP_DIR" not in os.environ
