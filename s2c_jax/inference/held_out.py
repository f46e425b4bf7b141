"""Colours a run's own validation pairs."""

from pathlib import Path

from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.drawing import image_files, sheets
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Colorizer


def colorize_held_out(
    colorizer: Colorizer, workdir: Path, count: int, output: Path, overwrite: bool
) -> None:
    """Colours the first validation pairs of the run's own data, and lays them out beside the truth.

    Args:
        colorizer: the loaded generator.
        workdir: its run's.
        count: how many pairs.
        output: a folder, which gets held_out_0001.png and so on, and sheet.png.
        overwrite: whether existing files are replaced.

    Raises:
        UserError: the data is not there, or the folder cannot be written.
    """
    # TFDS is not needed to colour files.
    from s2c_jax.datasets import input_pipeline

    config = config_lib.load(workdir / "config.json")
    source = input_pipeline.open_split(
        config.dataset.name, config.image_size, "validation", config.dataset.data_dir
    )
    pairs = input_pipeline.read_pairs(source, range(count))
    colored = colorizer.colorize_squares(pairs["sketch"])
    pictures = {
        output / f"held_out_{i + 1:04d}.png": Image.fromarray(color)
        for i, color in enumerate(colored)
    }
    file = output / "sheet.png"
    pictures[file] = sheets.sheet(
        [pairs["sketch"], colored, pairs["color"]], ["sketch", "coloured", "truth"]
    )
    for path in pictures:
        if path.exists() and not overwrite:
            raise UserError(f"{path}: exists already; --overwrite replaces it")
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, picture in pictures.items():
            image_files.write_png(picture, path)
    except OSError as error:
        raise UserError(
            f"--output {output} cannot be written ({error.strerror or error})"
        ) from None
    print(f"{len(colored)} held-out drawings, sketch | coloured | truth: {file}")
