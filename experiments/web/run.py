"""Does the page's server answer everybody, and does its memory come back?

python -m experiments.web.run --workdir runs/openmoji

Eight clients ask for 25 pictures each, again and again: a tenth of the requests are no pictures, in
another tenth the client goes before there is an answer.
"""

import argparse
import collections
import contextlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio_client
import httpx
from gradio_client import handle_file
from PIL import Image, ImageDraw

CLIENTS, REQUESTS, ROUNDS = 8, 25, 10


@contextlib.contextmanager
def serving(workdir: Path, backend: str) -> Iterator[tuple[str, int]]:
    """Yields a server's address and process."""
    command = [sys.executable, "-u", "-m", "s2c_jax.web", "--workdir", str(workdir)]
    with subprocess.Popen(
        [*command, "--backend", backend, "--port", "7879"], text=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        found = re.match(r"(http://[\d.:]+)", process.stdout.readline())
        assert found is not None
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[1], process.pid
        process.terminate()


def resident_megabytes(process: int) -> float:
    """Returns what a process holds in memory."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    assert found is not None
    return int(found[1]) / 1024


def leave(url: str, sketch: Path) -> None:
    """Asks for a picture and goes."""
    with httpx.Client(base_url=url) as client:
        files = {"files": ("sketch.png", sketch.read_bytes())}
        (path,) = client.post("/gradio_api/upload", files=files).json()
        given = {"path": path, "meta": {"_type": "gradio.FileData"}}
        client.post("/gradio_api/call/color", json={"data": [given, None, "", None, "png"]})


def work(url: str, folder: Path, number: int) -> collections.Counter[str]:
    """Is one client."""
    sketch, bad = folder / f"{number}.png", folder / "bad.png"
    picture = Image.new("L", (300 + 20 * number, 400), 255)
    ImageDraw.Draw(picture).ellipse((50, 50, 250, 300), outline=0, width=10)
    picture.save(sketch)
    bad.write_text("no picture")
    client = gradio_client.Client(url, verbose=False, download_files=str(folder / f"got{number}"))
    happened: collections.Counter[str] = collections.Counter()
    for request in range(REQUESTS):
        if request % 10 == 7:
            leave(url, sketch)
            happened["left"] += 1
            continue
        file = bad if request % 10 == 3 else sketch
        try:
            answer = client.predict(
                handle_file(str(file)), None, "", request, "png", api_name="/color"
            )
        except gradio_client.exceptions.AppError as error:
            happened["refused" if "not a PNG" in str(error) else str(error)] += 1
        else:
            happened["answered" if Image.open(answer).size == picture.size else "wrong"] += 1
    return happened


def main() -> None:
    """Asks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--backend", default="jax")
    flags = parser.parse_args()
    with (
        serving(flags.workdir, flags.backend) as (url, process),
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        print(f"before: {resident_megabytes(process):.0f} MB")
        # All that a client asks for, once: programs are compiled, packages imported.
        work(url, Path(folder), 0)
        print(f"after one client: {resident_megabytes(process):.0f} MB")
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            counts = pool.map(lambda number: work(url, Path(folder), number), range(CLIENTS))
            happened = sum(counts, collections.Counter[str]())
            seconds = time.perf_counter() - begun
            print(f"{dict(happened)}, {seconds:.1f} s, {resident_megabytes(process):.0f} MB")


if __name__ == "__main__":
    main()
