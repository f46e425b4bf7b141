"""Measures how well a run colours its validation pairs.

python -m s2c_jax.evaluate --workdir runs/characters
python -m s2c_jax.evaluate --workdir runs/characters --all

writes into the workdir's folder evaluation/: metrics.json; metrics.md, the same as a table, which
is printed as well; for each checkpoint a sheet of the best, the median and the worst pictures; and
the metrics by step for TensorBoard. Each call replaces the numbers of the one before; sheets of
other checkpoints stay.
"""

import argparse
from collections.abc import Sequence

from s2c_jax import checkpoint, cli, runtime
from s2c_jax.errors import UserError, naming
from s2c_jax.evaluation import scoring
from s2c_jax.evaluation.evaluate_run import evaluate_run
from s2c_jax.pretrained import inception, lpips, vgg16


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags (by default those of the process) and evaluates."""
    parser = _parser()
    flags = parser.parse_args(arguments)
    if flags.num_pairs < 0:
        parser.error("--num_pairs must not be negative")
    runtime.prepare()
    with cli.user_errors():
        cli.import_modules(flags.imports)
        # Without checkpoints keep --step, for which `resolve_step` raises the clear error.
        steps = (checkpoint.all_steps(flags.workdir) if flags.all else []) or [flags.step]
        networks = _load_networks(flags)
        evaluate_run(flags.workdir, steps, flags.num_pairs or None, flags.data_dir, networks)


def _parser() -> argparse.ArgumentParser:
    parser = cli.run_parser("evaluate", __doc__, step=False)
    which = parser.add_mutually_exclusive_group()
    cli.add_step_argument(which)
    which.add_argument("--all", action="store_true", help="every checkpoint that is kept")
    parser.add_argument("--data_dir", help="where the run's data is now, if it has moved")
    parser.add_argument("--num_pairs", type=int, default=0, metavar="N",
                        help="the first N validation pairs only")  # fmt: skip
    parser.add_argument("--lpips_vgg", metavar="FILE",
                        help="for LPIPS: torchvision's VGG16 as safetensors")  # fmt: skip
    parser.add_argument("--lpips_linear", metavar="FILE",
                        help="for LPIPS too: weights/v0.1/vgg.pth of the package lpips, as "
                        "safetensors")  # fmt: skip
    parser.add_argument("--inception", metavar="FILE",
                        help="for FID: pytorch-fid's InceptionV3 as safetensors")  # fmt: skip
    return parser


def _load_networks(flags: argparse.Namespace) -> scoring.MetricNetworks:
    """Loads the networks whose files the flags name."""
    distances = features = None
    if bool(flags.lpips_vgg) != bool(flags.lpips_linear):
        raise UserError("--lpips_vgg and --lpips_linear: LPIPS needs both files")
    if flags.lpips_vgg:
        with naming("--lpips_vgg"):
            vgg = vgg16.load_torchvision(flags.lpips_vgg)
        with naming("--lpips_linear"):
            distances = scoring.on_devices(lpips.distance, lpips.load(vgg, flags.lpips_linear))
    if flags.inception:
        with naming("--inception"):
            features = scoring.on_devices(inception.features, inception.load(flags.inception))
    return scoring.MetricNetworks(distances, features)


if __name__ == "__main__":
    main()
