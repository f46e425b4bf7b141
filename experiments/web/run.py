"""Measures whether the page's server answers all clients, and how its memory grows.

python -m experiments.web.run --workdir runs/openmoji

Eight clients request 25 pictures each, ten times over. In a tenth of the requests the file is no
picture; in another tenth the client leaves before the answer.
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

from experiments import runs

CLIENTS = 8
# Requests of a client in a round.
REQUESTS = 25
ROUNDS = 10
PORT = 7879


@contextlib.contextmanager
def serving(workdir: Path, backend: str) -> Iterator[tuple[str, int]]:
    """Starts a server, and yields its address and process id."""
    command = [sys.executable, "-u", "-m", "s2c_jax.web", "--workdir", str(workdir)]
    with subprocess.Popen(
        [*command, "--backend", backend, "--port", str(PORT)], text=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        address = re.match(r"(http://[\d.:]+)", process.stdout.readline())
        assert address is not None
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield address[1], process.pid
        process.terminate()


def resident_mebibytes(process_id: int) -> float:
    """Returns the resident memory of a process."""
    return runs.resident_kilobytes(process_id) / 1024


def leave(url: str, sketch: Path) -> None:
    """Requests a picture, and leaves before the answer."""
    with httpx.Client(base_url=url) as client:
        files = {"files": ("sketch.png", sketch.read_bytes())}
        (path,) = client.post("/gradio_api/upload", files=files).json()
        upload = {"path": path, "meta": {"_type": "gradio.FileData"}}
        client.post("/gradio_api/call/color", json={"data": [upload, None, "", None, "png"]})


def request_pictures(url: str, folder: Path, number: int) -> collections.Counter[str]:
    """Runs a client's requests, and counts their outcomes."""
    sketch, bad = folder / f"{number}.png", folder / "bad.png"
    picture = Image.new("L", (300 + 20 * number, 400), 255)
    ImageDraw.Draw(picture).ellipse((50, 50, 250, 300), outline=0, width=10)
    picture.save(sketch)
    bad.write_text("no picture")
    client = gradio_client.Client(url, verbose=False, download_files=str(folder / f"got{number}"))
    outcomes: collections.Counter[str] = collections.Counter()
    for request in range(REQUESTS):
        if request % 10 == 7:
            leave(url, sketch)
            outcomes["left"] += 1
            continue
        file = bad if request % 10 == 3 else sketch
        try:
            answer = client.predict(
                handle_file(str(file)), None, "", request, "png", api_name="/color"
            )
        except gradio_client.exceptions.AppError as error:
            outcomes["refused" if "not a PNG" in str(error) else str(error)] += 1
        else:
            outcomes["answered" if Image.open(answer).size == picture.size else "wrong"] += 1
    return outcomes


def main() -> None:
    """Prints the memory at the start, and the outcomes and memory of each round."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--backend", default="jax")
    flags = parser.parse_args()
    with (
        serving(flags.workdir, flags.backend) as (url, process_id),
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        print(f"before: {resident_mebibytes(process_id):.0f} MiB")
        # The first client makes the server compile programs and import packages.
        request_pictures(url, Path(folder), 0)
        print(f"after one client: {resident_mebibytes(process_id):.0f} MiB")
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            counts = pool.map(
                lambda number: request_pictures(url, Path(folder), number), range(CLIENTS)
            )
            outcomes = sum(counts, collections.Counter[str]())
            seconds = time.perf_counter() - begun
            print(f"{dict(outcomes)}, {seconds:.1f} s, {resident_mebibytes(process_id):.0f} MiB")


if __name__ == "__main__":
    main()
