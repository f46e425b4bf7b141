"""How metrics are shown: tables and ranked sheets."""

from collections.abc import Mapping, Sequence

from PIL import Image

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.drawing import sheets
from s2c_jax.evaluation.scoring import Colorize

# Examples of each kind on a sheet.
_EXAMPLES = 8


_HEADINGS = {
    "mae": "MAE",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "ciede2000_hue": "hue",
    "colorfulness": "colourfulness",
    "leakage": "leakage",
    "line_loss": "line loss",
    "checkerboard": "checkerboard",
    "lpips": "LPIPS",
    "fid": "FID",
}


_LEGEND = (
    "PSNR and SSIM are better the higher they are, colourfulness and checkerboard the nearer to 1, "
    "all others the lower."
)


def ranked_sheet(colorize: Colorize, source: PairSource, ranking: Sequence[int]) -> Image.Image:
    """Lays out the best, the median and the worst pictures, each beside sketch and truth."""
    shown = min(_EXAMPLES, len(ranking))
    middle = (len(ranking) - shown) // 2
    columns, titles = [], []
    for name, part in (
        ("best", ranking[:shown]),
        ("median", ranking[middle : middle + shown]),
        ("worst", ranking[::-1][:shown]),
    ):
        pairs = input_pipeline.read_pairs(source, part)
        columns += [pairs["sketch"], colorize(pairs["sketch"]), pairs["color"]]
        titles += ["sketch", name, "truth"]
    return sheets.sheet(columns, titles, groups=1)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a Markdown table with a row for each colouring, its columns aligned."""
    names = [name for name in _HEADINGS if any(name in row for row in rows.values())]
    cells = [["", *(_HEADINGS[name] for name in names)]]
    for title, row in rows.items():
        cells.append([title, *(f"{row[name]:.4f}" if name in row else "-" for name in names)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])

    def line(row: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join([first, *rest])} |\n"

    return "".join(line(row) for row in cells) + f"\n{_LEGEND}\n"
