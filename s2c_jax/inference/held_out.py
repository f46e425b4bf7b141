"""Colours validation pairs of a run's own data set, alone and with hints and palettes."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.drawing import image_files, marks, palette, sheets
from s2c_jax.files import check_overwrite, writing
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.models.ranges import normalize

# Marks that the hints of a pair have, on the sheet of a network that takes hints.
_MARKS = 12

Squares = UInt8[np.ndarray, "pairs size size 3"]


def colorize_held_out(
    colorizer: Colorizer, workdir: Path, count: int, output: Path, overwrite: bool
) -> None:
    """Colours the first `count` validation pairs of the run's data set.

    The folder `output` gets held_out_0001.png and so on, which are coloured without guidance, and
    sheet.png, which shows sketches, coloured pictures and true pictures side by side. If the
    network takes hints or palettes, the sheet also shows the pictures with hints in the true
    colours, and with the true picture's palette.

    Raises:
        UserError: the data set is not prepared, a file exists already, or the folder cannot be
            written.
    """
    # Import late: colouring files does not need TFDS.
    from s2c_jax.datasets import input_pipeline

    config = config_lib.load(workdir / "config.json")
    source = input_pipeline.open_split(
        config.dataset.name, config.image_size, "validation", config.dataset.data_dir
    )
    pairs = input_pipeline.read_pairs(source, range(count))
    sketches, truths = pairs["sketch"], pairs["color"]
    sheet = output / "sheet.png"
    paths = [output / f"held_out_{i + 1:04d}.png" for i in range(len(sketches))]
    for path in (*paths, sheet):
        check_overwrite(path, overwrite)
    colored = colorizer.colorize_squares(sketches)
    columns = {"sketch": sketches, "coloured": colored}
    columns |= _color_with_guidance(colorizer, sketches, truths, pairs["palette"])
    columns["truth"] = truths
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for path, picture in zip(paths, colored, strict=True):
            image_files.write_png(Image.fromarray(picture), path)
        # Three pictures of an example leave space for four examples in a row.
        groups = 4 if len(columns) == 3 else 2
        page = sheets.sheet(list(columns.values()), list(columns), groups=groups)
        image_files.write_png(page, sheet)
    print(f"{len(paths)} held-out drawings, {' | '.join(columns)}: {sheet}")


def _color_with_guidance(
    colorizer: Colorizer,
    sketches: Squares,
    truths: Squares,
    palettes: UInt8[np.ndarray, "pairs 4 4 3"],
) -> dict[str, Squares]:
    """Returns columns of the sheet: the hints, and the pictures coloured with guidance."""
    columns: dict[str, Squares] = {}
    if colorizer.takes_hints:
        hints = paint_hints(sketches, truths, _MARKS)
        pale = (255 - 0.3 * (255 - sketches.astype(np.float32))).astype(np.uint8)
        columns[f"{_MARKS} hints"] = np.where(hints[..., 3:] > 0, hints[..., :3], pale)
        columns["with hints"] = colorizer.colorize_squares(sketches, list(hints))
    if colorizer.takes_palette:
        given = [palette.to_rgba(colors) for colors in palettes]
        columns["with its palette"] = colorizer.colorize_squares(sketches, palettes=given)
    return columns


def paint_hints(
    sketches: Squares, truths: Squares, count: int
) -> UInt8[np.ndarray, "pairs size size 4"]:
    """Paints for each pair `count` marks in the true colours, RGBA with an alpha of 0 or 255.

    The marks are always the same; more of them include fewer. There are at most
    `marks.MAX_MARKS`.
    """
    keys = jax.random.split(jax.random.key(0), len(sketches))
    paint = jax.vmap(functools.partial(marks.paint_marks, count=jnp.int32(count)))
    pair = (normalize(jnp.asarray(pictures)) for pictures in (sketches, truths))
    painted = np.asarray(jax.jit(paint)(keys, *pair))
    levels = (127.5 * painted + 127.5) * (painted[..., 3:] > 0)
    levels[..., 3] = 255 * painted[..., 3]
    return levels.round().astype(np.uint8)
