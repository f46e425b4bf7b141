"""Measures how well a run colours its validation pairs.

python -m s2c_jax.evaluate --workdir runs/openmoji
python -m s2c_jax.evaluate --workdir runs/openmoji --all

writes evaluation/ into the workdir: metrics.json, metrics.md (the same as a table, which is printed
too), for each checkpoint a sheet of the best, the median and the worst pictures, and TensorBoard's
scalars by step. The files of an earlier call are replaced.
"""

from collections.abc import Sequence

from s2c_jax import checkpoint, cli, runtime
from s2c_jax.evaluation.evaluate_run import evaluate_run


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and evaluates.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = cli.run_parser("evaluate", __doc__, step=False)
    which = parser.add_mutually_exclusive_group()
    cli.add_step_argument(which)
    which.add_argument("--all", action="store_true", help="every checkpoint that is kept")
    parser.add_argument("--data_dir", help="where the run's data is now, if it has moved")
    parser.add_argument("--num_pairs", type=int, default=0, metavar="N",
                        help="the first N validation pairs only")  # fmt: skip
    parser.add_argument("--lpips_vgg", default="", metavar="FILE",
                        help="for LPIPS: torchvision's VGG16 as safetensors")  # fmt: skip
    parser.add_argument("--lpips_linear", default="", metavar="FILE",
                        help="for LPIPS too: weights/v0.1/vgg.pth of the package lpips, as "
                        "safetensors")  # fmt: skip
    parser.add_argument("--inception", default="", metavar="FILE",
                        help="for FID: pytorch-fid's InceptionV3 as safetensors")  # fmt: skip
    flags = parser.parse_args(arguments)
    if flags.num_pairs < 0:
        parser.error("--num_pairs must not be negative")
    runtime.prepare()
    with cli.user_errors():
        cli.import_modules(flags.imports)
        steps = checkpoint.all_steps(flags.workdir) if flags.all else []
        evaluate_run(
            flags.workdir,
            steps or [flags.step],
            flags.num_pairs or None,
            flags.data_dir,
            flags.lpips_vgg,
            flags.lpips_linear,
            flags.inception,
        )


if __name__ == "__main__":
    main()
