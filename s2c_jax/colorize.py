"""Colours sketches with a trained generator.

python -m s2c_jax.colorize --workdir runs/characters sketch.png folder/ --output colored/
python -m s2c_jax.colorize --workdir runs/characters --held_out 24 --output colored/

A run that was trained with hints or palettes (configs/characters.py) also takes --hints, --palette
and --palette-from.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from s2c_jax import cli, runtime
from s2c_jax.drawing import layered_files
from s2c_jax.drawing import palette as palette_lib
from s2c_jax.drawing.palette import RgbaPalette
from s2c_jax.errors import UserError, naming
from s2c_jax.inference.batches import colorize_files
from s2c_jax.inference.colorizer import Colorizer, variant_seeds
from s2c_jax.inference.held_out import colorize_held_out
from s2c_jax.inference.jobs import Job, find_jobs, is_output_file


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags (by default those of the process) and colours."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    _check_flags(parser, flags)
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
            palette = _read_palette(flags)
            colorizer.require(hints=flags.hints is not None, palette=palette is not None)
            _, failed = colorize_files(colorizer, _find_jobs(flags), flags.overwrite, palette)
    sys.exit(1 if failed else 0)


def _parser() -> argparse.ArgumentParser:
    parser = cli.run_parser("colorize", __doc__)
    cli.add_backend_argument(parser)
    parser.add_argument("sketches", nargs="*", type=Path, metavar="SKETCH_OR_FOLDER",
                        help="PNG, JPEG or WebP files, or folders of them")  # fmt: skip
    parser.add_argument("--output", type=Path, required=True,
                        help="a folder, or a file for a single sketch")  # fmt: skip
    parser.add_argument("--format", choices=[suffix[1:] for suffix in layered_files.SUFFIXES],
                        help="the format of files in a folder: png (the default); or ora "
                        "(OpenRaster) or psd (Photoshop), with lines, colour and paper as "
                        "layers")  # fmt: skip
    parser.add_argument("--hints", type=Path,
                        help="colours where you want them: a picture of the sketch's size, "
                        "transparent where it gives no colour; or a folder of them, named as the "
                        "outputs")  # fmt: skip
    colors = parser.add_mutually_exclusive_group()
    colors.add_argument("--palette", metavar="COLORS",
                        help='up to four colours to use, "#fcea2b,#ea5a47", or a colorgram file '
                        "(.json)")  # fmt: skip
    colors.add_argument("--palette-from", type=Path, metavar="PICTURE",
                        help="use the main colours of a picture")  # fmt: skip
    parser.add_argument("--variants", type=int, default=0, metavar="N",
                        help="N colourings of each sketch, NAME_1.png and so on. If the run takes "
                        "palettes and none is given, each variant has a random palette; otherwise "
                        "variants differ by dropout, which changes little")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0,
                        help="the seed of the variants: the same seed gives the same "
                        "variants")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    parser.add_argument("--held_out", type=int, default=0, metavar="N",
                        help="colour the first N validation pairs of the run's data set instead, "
                        "beside the truth; also with hints and palettes, if the run takes "
                        "them")  # fmt: skip
    return parser


def _check_flags(parser: argparse.ArgumentParser, flags: argparse.Namespace) -> None:
    """Ends the command if flags contradict each other."""
    if flags.held_out < 0 or bool(flags.sketches) == bool(flags.held_out):
        parser.error("give either sketches or --held_out N")
    other_format = flags.format and flags.output.suffix.lower() != f".{flags.format}"
    if other_format and is_output_file(flags.output):
        parser.error(f"--output {flags.output} is not a .{flags.format} file")
    if min(flags.variants, flags.seed) < 0:
        parser.error("--variants and --seed must not be negative")
    guidance = flags.hints or flags.palette or flags.palette_from or flags.variants
    if flags.held_out and (guidance or flags.format):
        parser.error("--held_out takes no --hints, --palette, --variants or --format")


def _read_palette(flags: argparse.Namespace) -> RgbaPalette | None:
    """Reads --palette or --palette-from."""
    if flags.palette_from:
        with naming("--palette-from"):
            return palette_lib.read(flags.palette_from)
    if flags.palette is None:
        return None
    with naming("--palette"):
        if flags.palette.lower().endswith(".json"):
            return palette_lib.read(Path(flags.palette))
        return palette_lib.from_colors(flags.palette)


def _find_jobs(flags: argparse.Namespace) -> list[Job | UserError]:
    """Checks that the formats' packages are installed, then finds the files to colour."""
    suffix = f".{flags.format or 'png'}"
    for each in (suffix, flags.output.suffix.lower()):
        layered_files.require(each)
    seeds = variant_seeds(flags.seed, flags.variants)
    try:
        with naming("--hints"):
            return find_jobs(flags.sketches, flags.output, suffix, flags.hints, seeds)
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}") from None


if __name__ == "__main__":
    main()
