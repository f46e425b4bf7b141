"""Colours validation pairs of a run's own data set."""

from pathlib import Path

from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.drawing import image_files, sheets
from s2c_jax.files import check_overwrite, writing
from s2c_jax.inference.colorizer import Colorizer


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
    sketches, truths = pairs["sketch"], pairs["color"]
    sheet = output / "sheet.png"
    paths = [output / f"held_out_{i + 1:04d}.png" for i in range(len(sketches))]
    for path in (*paths, sheet):
        check_overwrite(path, overwrite)
    colored = colorizer.colorize_squares(sketches)
    with writing(output):
        output.mkdir(parents=True, exist_ok=True)
        for path, picture in zip(paths, colored, strict=True):
            image_files.write_png(Image.fromarray(picture), path)
        columns = [sketches, colored, truths]
        image_files.write_png(sheets.sheet(columns, ["sketch", "coloured", "truth"]), sheet)
    print(f"{len(paths)} held-out drawings, sketch | coloured | truth: {sheet}")
