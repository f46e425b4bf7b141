"""Colours sketches with a trained generator.

python -m s2c_jax.colorize --workdir runs/openmoji sketch.png folder/ --output colored/
python -m s2c_jax.colorize --workdir runs/openmoji --held_out 24 --output colored/

A run that was trained with hints or palettes (configs/openmoji.py:hints) also takes --hints,
--palette and --palette-from.
"""

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from s2c_jax import cli, runtime
from s2c_jax.drawing import layered_files
from s2c_jax.drawing import palette as palette_lib
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError
from s2c_jax.inference.batches import colorize_files
from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.inference.held_out import colorize_held_out
from s2c_jax.inference.jobs import find_jobs


def _palette(colors: str | None, picture: Path | None) -> RgbaPalette | None:
    """Reads --palette or --palette-from.

    Raises:
        UserError: it is no palette, or a file of none.
    """
    if picture:
        return palette_lib.read(picture)
    if colors and colors.lower().endswith(".json"):
        return palette_lib.read(Path(colors))
    return palette_lib.from_colors(colors) if colors is not None else None


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and colours.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = cli.run_parser("colorize", __doc__)
    cli.add_backend_argument(parser)
    parser.add_argument("sketches", nargs="*", type=Path, metavar="SKETCH_OR_FOLDER",
                        help="PNG, JPEG or WebP files, or folders of them")  # fmt: skip
    parser.add_argument("--output", type=Path, required=True,
                        help="a folder, or a file for a single sketch")  # fmt: skip
    parser.add_argument("--format", choices=[suffix[1:] for suffix in layered_files.SUFFIXES],
                        help="what files in a folder are: png (the default), or with lines, colour "
                        "and paper as layers ora (OpenRaster) or psd (Photoshop)")  # fmt: skip
    parser.add_argument("--hints", type=Path,
                        help="colours where you want them: a picture of the sketch's size, "
                        "transparent where nothing is said, or a folder of them, "
                        "named as the outputs")  # fmt: skip
    colors = parser.add_mutually_exclusive_group()
    colors.add_argument("--palette", metavar="COLORS",
                        help='up to four colours to use, "#fcea2b,#ea5a47", or a colorgram file '
                        "(.json)")  # fmt: skip
    colors.add_argument("--palette-from", type=Path, metavar="PICTURE",
                        help="use the main colours of a picture")  # fmt: skip
    parser.add_argument("--variants", type=int, default=0, metavar="N",
                        help="N colourings of each sketch, NAME_1.png and so on: with palettes "
                        "drawn for them, if the run takes them and none is given, and by dropout, "
                        "which changes little")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0,
                        help="where the variants come from: the same ones for the same "
                        "seed")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    parser.add_argument("--held_out", type=int, default=0, metavar="N",
                        help="colour the first N validation pairs of the run's data set instead, "
                        "beside the truth")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.held_out < 0 or bool(flags.sketches) == bool(flags.held_out):
        parser.error("give either sketches or --held_out N")
    is_file = flags.output.suffix.lower() in layered_files.SUFFIXES and not flags.output.is_dir()
    if flags.format and is_file and flags.output.suffix.lower() != f".{flags.format}":
        parser.error(f"--output {flags.output} is no .{flags.format} file")
    if min(flags.variants, flags.seed) < 0:
        parser.error("--variants and --seed must not be negative")
    guided = flags.hints or flags.palette or flags.palette_from or flags.variants or flags.format
    if flags.held_out and guided:
        parser.error("--held_out takes no hints, palette, variants or format")
    # A file's name may be bytes that no text is.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    failed = 0
    runtime.prepare()
    with cli.user_errors():
        cli.import_modules(flags.imports)
        colorizer = Colorizer(flags.workdir, flags.step, flags.backend)
        print(f"{flags.workdir}, step {colorizer.step}: {colorizer.image_size} px")
        if flags.held_out:
            colorize_held_out(
                colorizer, flags.workdir, flags.held_out, flags.output, flags.overwrite
            )
        else:
            for suffix in {flags.output.suffix.lower(), f".{flags.format}"}:
                layered_files.require(suffix)
            palette = _palette(flags.palette, flags.palette_from)
            colorizer.require(hints=flags.hints is not None, palette=palette is not None)
            try:
                jobs = find_jobs(
                    flags.sketches,
                    flags.output,
                    f".{flags.format or 'png'}",
                    flags.hints,
                    np.random.SeedSequence(flags.seed).generate_state(flags.variants).tolist(),
                )
            except OSError as error:
                raise UserError(f"{error.filename}: {error.strerror}") from None
            _, failed = colorize_files(colorizer, jobs, flags.overwrite, palette)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
