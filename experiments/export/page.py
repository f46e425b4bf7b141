"""Times the exported page, which colours without a server.

python -m experiments.export.page --workdir runs/openmoji

Needs Chromium, and playwright (the extra "browser").
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from experiments import runs
from experiments.large_drawings.run import sketches

# Sides of the drawings in pixels.
SIZES = (256, 1000, 4000)


def color(page: Page, file: Path) -> tuple[float, float]:
    """Returns a picture's seconds, and the network's part of them, as the page reports."""
    page.set_input_files("#file", file)
    page.get_by_text(" s of them").wait_for()
    status = page.locator("#status").inner_text()
    match = re.search(r"in ([\d.]+) s, the network ([\d.]+) s", status)
    assert match is not None, status
    page.evaluate("document.getElementById('status').textContent = ''")
    return float(match[1]), float(match[2])


def main() -> None:
    """Exports the page, opens it in Chromium, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        file = Path(name) / "page.html"
        command = [sys.executable, "-m", "s2c_jax.export", "--workdir", flags.workdir]
        subprocess.run([*command, "--format", "html", file], cwd=runs.ROOT, check=True)
        browser = playwright.chromium.launch(executable_path=flags.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        begun = time.perf_counter()
        page.goto(file.as_uri())
        page.get_by_text("Ready.").wait_for()
        print(f"ready after {time.perf_counter() - begun:.1f} s")
        print("| size | seconds | the network's |\n| ---: | ---: | ---: |")
        for size in SIZES:
            seconds, network = [], []
            for number, drawing in enumerate(sketches(size)):
                sketch = Path(name) / f"{size}_{number}.png"
                drawing.save(sketch)
                for values, value in zip((seconds, network), color(page, sketch), strict=True):
                    values.append(value)
            print(
                f"| {size} | {statistics.median(seconds):.2f} | {statistics.median(network):.2f} |",
                flush=True,
            )
        browser.close()


if __name__ == "__main__":
    main()
