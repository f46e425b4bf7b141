"""Tables of metrics, and sheets of ranked examples."""

from collections.abc import Mapping, Sequence

from PIL import Image

from s2c_jax.datasets import input_pipeline
from s2c_jax.datasets.pairs import PairSource
from s2c_jax.drawing import sheets
from s2c_jax.evaluation.scoring import Colorize

# The number of best, of median and of worst examples on a sheet.
_EXAMPLES = 8
# A column's heading by the name of its metric, in the columns' order.
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
    """Lays out the best, the median and the worst pictures, each beside sketch and truth.

    The colouring and the pairs are those that were scored; `scoring.Scores` has the ranking.
    """
    shown = min(_EXAMPLES, len(ranking))
    middle = (len(ranking) - shown) // 2
    columns, titles = [], []
    parts = ranking[:shown], ranking[middle : middle + shown], ranking[::-1][:shown]
    for name, part in zip(("best", "median", "worst"), parts, strict=True):
        pairs = input_pipeline.read_pairs(source, part)
        columns += [pairs["sketch"], colorize(pairs["sketch"]), pairs["color"]]
        titles += ["sketch", name, "truth"]
    return sheets.sheet(columns, titles, groups=1)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Returns a Markdown table, with aligned columns and a legend.

    Args:
        rows: the metrics of each colouring, by its title; a metric that a row lacks becomes "-".
    """
    names = [name for name in _HEADINGS if any(name in row for row in rows.values())]
    cells = [["", *(_HEADINGS[name] for name in names)]]
    for title, row in rows.items():
        cells.append([title, *(f"{row[name]:.4f}" if name in row else "-" for name in names)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    cells.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    lines = (
        " | ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )
    return "".join(f"| {line} |\n" for line in lines) + f"\n{_LEGEND}\n"
