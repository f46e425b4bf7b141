"""How long does the page without a server take for a picture?

python -m experiments.export.page --workdir runs/openmoji

Needs Chromium, and playwright (the extra "browser").
"""

import argparse
import re
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from experiments.large_drawings.run import sketches
from s2c_jax.export import __main__

SIZES = (256, 1000, 4000)


def colour(page: Page, file: Path) -> tuple[float, float]:
    """Returns the seconds that the page says it took, and the network's part of them."""
    page.set_input_files("#file", file)
    page.get_by_text(" s of them").wait_for()
    said = page.locator("#status").inner_text()
    found = re.search(r"in ([\d.]+) s, the network ([\d.]+) s", said)
    assert found is not None, said
    page.evaluate("document.getElementById('status').textContent = ''")
    return float(found[1]), float(found[2])


def main() -> None:
    """Measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        file = Path(name) / "page.html"
        __main__.main(["--workdir", str(flags.workdir), "--format", "html", str(file)])
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
                for values, value in zip((seconds, network), colour(page, sketch), strict=True):
                    values.append(value)
            print(
                f"| {size} | {statistics.median(seconds):.2f} | {statistics.median(network):.2f} |",
                flush=True,
            )
        browser.close()


if __name__ == "__main__":
    main()
