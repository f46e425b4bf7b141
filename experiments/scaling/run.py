"""Predicts how training scales with chips, from what the compiled step sends between devices.

python -m experiments.scaling.run

compiles the article's step for eight devices (of the host's CPU), and prints what it sends and the
tables of docs/scaling.md.
"""

import argparse
from typing import NamedTuple

import jax

from configs import sketch2color
from experiments.benchmarks.step import flop
from s2c_jax.training import build
from tests.support.hlo import collectives


class Sent(NamedTuple):
    """What a step sends between devices.

    Attributes:
        operations: all-reduces in the program.
        megabytes: their operands'.
    """

    operations: int
    megabytes: float


class Machine(NamedTuple):
    """Figures of the makers' data sheets, and how much of them is taken to be reached.

    Attributes:
        name: of the chip and what connects it.
        flop_per_second: dense bfloat16.
        compute_share: of it, that a step with 8 pictures of 512 px reaches.
        chips: that a fast network connects; beyond, `slow_bytes_per_second` holds.
        bytes_per_second: that a chip sends over the fast network, in all directions together, and
            receives as many.
        slow_bytes_per_second: the same between groups of `chips`.
        latency: of an all-reduce of few bytes, seconds.
    """

    name: str
    flop_per_second: float
    compute_share: float
    chips: int
    bytes_per_second: float
    slow_bytes_per_second: float
    latency: float


H100 = Machine(
    # The share as measured: experiments/benchmarks/README.md.
    "H100, NVLink within 8, 400 Gbit/s InfiniBand between",
    flop_per_second=989e12,
    compute_share=0.23,
    chips=8,
    bytes_per_second=450e9,
    slow_bytes_per_second=50e9,
    latency=20e-6,
)
V5E = Machine("TPU v5e, 16x16 torus", 197e12, 0.4, 256, 180e9, 180e9, 10e-6)
NETWORK_SHARE = 0.8
CHIPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def sent_by_a_step(size: int) -> Sent:
    """Compiles the article's step, with the discriminator's update, and looks."""
    config = sketch2color.get_config()
    config.image_size, config.batch_size, config.loss.feature = size, 8, 0.0
    # Else the program has the step without it, too.
    config.discriminator.update_every = 1
    program = build.compile_ahead(
        build.map_over_devices(build.build_step(config)), config
    ).as_text()
    assert program is not None
    found = collectives(program)
    return Sent(len(found), sum(count for _, count in found) * 4 / 1e6)


def seconds_to_reduce(machine: Machine, chips: int, sent: Sent) -> float:
    """A ring's time: each chip sends 2 (n - 1) / n times the operands, in groups and between."""
    if chips == 1:
        return 0.0
    size = sent.megabytes * 1e6
    within = min(chips, machine.chips)
    seconds = 2 * (within - 1) / within * size / (NETWORK_SHARE * machine.bytes_per_second)
    if chips > within:
        groups = chips // within
        # Each chip of a group takes its share of the operands to the other groups.
        seconds += (
            2 * (groups - 1) / groups * size / within
            / (NETWORK_SHARE * machine.slow_bytes_per_second)
        )  # fmt: skip
    return seconds + sent.operations * machine.latency


def main() -> None:
    """Prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compiled_size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8, help="pictures a chip")
    options = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 8)
    sent = sent_by_a_step(options.compiled_size)
    print(f"a step sends {sent.megabytes:.1f} MB in {sent.operations} all-reduces")
    for machine in (H100, V5E):
        print(f"\n{machine.name}\n")
        print("| px | a step alone, ms | " + " | ".join(map(str, CHIPS)) + " |")
        print("| ---: " * (len(CHIPS) + 2) + "|")
        for size in (256, 512):
            compute = (
                options.batch * flop(size)[0] / (machine.compute_share * machine.flop_per_second)
            )
            shares = [
                compute / (compute + seconds_to_reduce(machine, chips, sent)) for chips in CHIPS
            ]
            cells = " | ".join(f"{share:.0%}" for share in shares)
            print(f"| {size} | {1e3 * compute:.1f} | {cells} |")


if __name__ == "__main__":
    main()
