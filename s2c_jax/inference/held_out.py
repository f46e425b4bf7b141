"""Colours validation pairs of a run's own data set."""

from pathlib import Path

from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.drawing import image_files, sheets
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.jobs import check_overwrite


def colorize_held_out(
    colorizer: Colorizer, workdir: Path, count: int, output: Path, overwrite: bool
) -> None:
    """Colours the first `count` validation pairs of the run's data set.

    The folder `output` gets held_out_0001.png and so on, and sheet.png, which shows sketches,
    coloured pictures and true pictures side by side.

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
    squares = colorizer.colorize_squares(pairs["sketch"])
    pictures = {
        output / f"held_out_{number:04d}.png": Image.fromarray(square)
        for number, square in enumerate(squares, start=1)
    }
    sheet, columns = output / "sheet.png", [pairs["sketch"], squares, pairs["color"]]
    pictures[sheet] = sheets.sheet(columns, ["sketch", "coloured", "truth"])
    for path in pictures:
        check_overwrite(path, overwrite)
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, picture in pictures.items():
            image_files.write_png(picture, path)
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror or error})") from None
    print(f"{len(squares)} held-out drawings, sketch | coloured | truth: {sheet}")
