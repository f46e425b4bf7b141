"""The web page's server: programs call it, many at once, some of them badly."""

import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio_client
import httpx
import numpy as np
import pytest
from gradio_client import handle_file
from PIL import Image, ImageDraw

from s2c_jax.drawing.palette import from_colors
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.web import __main__, page
from tests.support.servers import free_port, serving

CLIENTS, REQUESTS = 8, 25


@pytest.fixture(scope="module")
def server(guided_workdir):
    with serving(guided_workdir) as started:
        yield started


@pytest.fixture
def client(server, tmp_path):
    return gradio_client.Client(server.url, verbose=False, download_files=str(tmp_path / "got"))


def drawn(path, size=(200, 160)):
    picture = Image.new("L", size, 255)
    ImageDraw.Draw(picture).ellipse((30, 20, 150, 130), outline=0, width=8)
    picture.save(path)
    return path


def bomb(path):
    """A PNG file that claims to be of 60000x60000 pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    parts = (
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(bytes(1000))),
        chunk(b"IEND", b""),
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def ask(client, sketch, hints=None, palette="", seed=None, kind="png"):
    given = [None if file is None else handle_file(str(file)) for file in (sketch, hints)]
    return Path(client.predict(*given, palette, seed, kind, api_name="/color"))


def test_a_program_gets_what_colorize_writes(client, guided_workdir, tmp_path):
    sketch, hints = tmp_path / "sketch.png", tmp_path / "hints.png"
    # A network that has learned so little makes something of noise alone.
    noise = np.random.default_rng(0).integers(0, 2, (30, 40), np.uint8) * 255
    Image.fromarray(noise).save(sketch)
    marks = Image.new("RGBA", (40, 30))
    marks.paste((255, 0, 0, 255), (0, 0, 20, 30))
    marks.save(hints)
    colorizer = Colorizer(guided_workdir)

    def expected(**guidance):
        (picture,) = colorizer([Image.open(sketch)], **guidance)
        return np.asarray(picture).astype(int)

    pairs = {
        (): expected(),
        (("hints", hints),): expected(hints=[marks]),
        (("palette", "#00ff00,blue"),): expected(palettes=[from_colors("#00ff00,blue")]),
        (("seed", 7),): expected(seeds=[7]),
    }
    for arguments, picture in pairs.items():
        found = np.asarray(Image.open(ask(client, sketch, **dict(arguments)))).astype(int)
        # It has another number of devices, which compute another batch at once.
        assert np.abs(found - picture).max() <= 1, arguments
    assert len({picture.tobytes() for picture in pairs.values()}) == len(pairs)


def test_a_program_gets_layers(client, tmp_path):
    sketch = drawn(tmp_path / "sketch.png")
    with zipfile.ZipFile(ask(client, sketch, kind="ora")) as archive:
        assert archive.read("mimetype") == b"image/openraster"
    assert ask(client, sketch, kind="psd").read_bytes()[:4] == b"8BPS"


def test_mistakes_are_named(client, tmp_path):
    sketch = drawn(tmp_path / "sketch.png")
    text, cut = tmp_path / "text.png", tmp_path / "cut.png"
    text.write_text("no picture")
    cut.write_bytes(sketch.read_bytes()[:300])
    for mistake, message in (
        ({"sketch": text}, "the sketch: not a PNG, JPEG or WebP picture"),
        ({"sketch": cut}, "the sketch: cannot be read"),
        ({"sketch": bomb(tmp_path / "bomb.png")}, "far more than 4096x4096"),
        ({"sketch": None}, "there is no sketch"),
        ({"sketch": sketch, "hints": sketch}, "hints"),
        ({"sketch": sketch, "hints": text}, "the hints: not a PNG"),
        ({"sketch": sketch, "palette": "blurple"}, "'blurple' is no colour"),
        ({"sketch": sketch, "kind": None}, "there is no format None, but png, ora, psd"),
    ):
        with pytest.raises(gradio_client.exceptions.AppError, match=re.escape(message)):
            ask(client, **mistake)


def test_a_file_that_is_too_large_is_refused(server):
    file = {"files": ("large.png", bytes(page.MAX_FILE_BYTES + 1))}
    answer = httpx.post(f"{server.url}/gradio_api/upload", files=file)
    assert answer.status_code == 413


def test_a_canvas_that_claims_too_much_is_refused_before_it_is_decoded(server, tmp_path):
    """As a program could post it that only looks like the page."""
    with httpx.Client(base_url=server.url) as http:
        file = {"files": ("bomb.png", bomb(tmp_path / "bomb.png").read_bytes())}
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


def test_two_hundred_requests_at_once(server, tmp_path):
    """Sound ones are answered with their own picture, whoever else fails or leaves."""
    bad = [bomb(tmp_path / "bomb.png"), tmp_path / "text.png"]
    bad[1].write_text("no picture")

    def leave(file):
        """Asks, and goes before there is an answer; every other time while waiting for it."""
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
        file = drawn(tmp_path / f"{number}.png", size)
        client = gradio_client.Client(
            server.url, verbose=False, download_files=str(tmp_path / f"got{number}")
        )
        answered = refused = left = 0
        for request in range(REQUESTS):
            if request % 10 == 3:
                with pytest.raises(gradio_client.exceptions.AppError, match="the sketch"):
                    ask(client, bad[request // 10 % 2])
                refused += 1
            elif request % 10 == 7:
                leave(file)
                left += 1
            else:
                assert Image.open(ask(client, file, seed=request)).size == size
                answered += 1
        return answered, refused, left

    with ThreadPoolExecutor(CLIENTS) as pool:
        counts = np.array(list(pool.map(work, range(CLIENTS))))
    assert counts.sum() == CLIENTS * REQUESTS == 200
    assert counts.sum(axis=0).tolist() == [160, 24, 16]
    assert server.process.poll() is None


def test_the_page_says_what_model_it_runs(server, guided_workdir):
    said = str(httpx.get(f"{server.url}/config").json())
    assert f"{guided_workdir}" in said
    assert "trained on openmoji_sketch at 64 px, takes hints and palettes" in said


def test_a_run_without_hints_has_no_canvas_for_them(workdir, tmp_path):
    colorizer = Colorizer(workdir)
    about = __main__.describe(colorizer, workdir)
    assert "takes no hints or palettes" in about
    blocks = page.make_page(colorizer, about, tmp_path).blocks
    tabs = {tab.label: tab.visible for tab in blocks.values() if type(tab).__name__ == "Tab"}
    assert tabs == {"Sketch": True, "Hints": False, "Palette": False}


def test_memory_returns_after_large_sketches(client, server, tmp_path):
    def resident_megabytes():
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    sketch = drawn(tmp_path / "sketch.png", (3500, 3500))
    ask(client, sketch)
    before = resident_megabytes()
    for kind in ("png", "ora", "png"):
        ask(client, sketch, kind=kind)
    # The layers of one alone are 98 MB.
    assert resident_megabytes() < before + 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "--port 99999: cannot be listened at"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 --port 7860: cannot be listened at"),
        (["--host", "no..where"], "--host no..where"),
    ],
)
def test_an_address_that_cannot_be_is_named(workdir, arguments, message):
    with pytest.raises(SystemExit, match=re.escape(message)) as exit_:
        __main__.main(["--workdir", str(workdir), *arguments])
    assert str(exit_.value).startswith("s2c_jax: ")
    assert "\n" not in str(exit_.value)


def test_a_port_that_is_taken_is_named(workdir, server):
    port = server.url.rpartition(":")[2]
    with pytest.raises(SystemExit, match=f"--port {port}: cannot be listened at .*in use"):
        __main__.main(["--workdir", str(workdir), "--port", port])


def test_a_run_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SystemExit, match="s2c_jax: .*none"):
        __main__.main(["--workdir", str(tmp_path / "none"), "--port", str(free_port())])


@pytest.mark.parametrize(
    ("package", "arguments", "message"),
    [
        ("gradio", ["-m", "s2c_jax.web", "--workdir", "none"], "s2c_jax[web]"),
        (
            "onnxruntime",
            ["-m", "s2c_jax.colorize", "--workdir", "{}", "--backend", "onnxruntime", "a.png",
             "--output", "b.png"],
            "s2c_jax[export]",
        ),
    ],
)  # fmt: skip
def test_a_missing_package_is_named(workdir, tmp_path, package, arguments, message):
    (tmp_path / f"{package}.py").write_text("raise ImportError")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, *(argument.format(workdir) for argument in arguments)],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_canvases_without_their_click_are_forgotten():
    kept = page._Latest(2)
    for name in "abc":
        kept[name] = name
    assert list(kept) == ["b", "c"]


def test_more_than_may_wait_are_refused_and_the_others_answered(server, client, tmp_path):
    sketch = drawn(tmp_path / "large.png", (800, 800))
    with httpx.Client(base_url=f"{server.url}/gradio_api", timeout=60) as http:
        (path,) = http.post("/upload", files={"files": sketch.read_bytes()}).json()
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, None, "", None, "png"]
        answers = [
            http.post("/call/color", json={"data": data}) for _ in range(page.MAX_WAITING + 40)
        ]
        refused = [answer for answer in answers if answer.status_code != 200]
        assert {answer.status_code for answer in refused} == {503}
        assert "full" in refused[0].json()["detail"]
        accepted = [answer.json()["event_id"] for answer in answers if answer.status_code == 200]
        with ThreadPoolExecutor(CLIENTS) as pool:
            told = list(pool.map(lambda event: http.get(f"/call/color/{event}").text, accepted))
        assert all("event: complete" in each for each in told)
    assert ask(client, sketch).exists()
