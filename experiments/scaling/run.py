"""Predicts how training scales with chips, from the all-reduces of the compiled step.

python -m experiments.scaling.run

compiles the article's step for eight CPU devices, and prints its all-reduces and the tables of
docs/scaling.md.
"""

import argparse
from typing import NamedTuple

import jax

from configs import sketch2color
from experiments.benchmarks.measure import flop
from s2c_jax.training import build
from tests.support.hlo import collectives


class AllReduces(NamedTuple):
    """The all-reduces of a step.

    Attributes:
        count: how many the program has.
        megabytes: the size of their operands together.
    """

    count: int
    megabytes: float


class Machine(NamedTuple):
    """Figures of the makers' data sheets, and the share of them that a step is assumed to reach.

    Attributes:
        name: the chip and its network.
        flop_per_second: peak, dense bfloat16.
        compute_share: the share of the peak that a step with 8 pictures of 512 px reaches.
        chips: how many chips the fast network connects.
        bytes_per_second: what a chip sends over the fast network, in all directions together; it
            receives as many at the same time.
        slow_bytes_per_second: the same over the network between groups of `chips`.
        latency: seconds of an all-reduce of few bytes.
    """

    name: str
    flop_per_second: float
    compute_share: float
    chips: int
    bytes_per_second: float
    slow_bytes_per_second: float
    latency: float


H100 = Machine(
    # The compute share is measured: experiments/benchmarks/README.md.
    "H100, NVLink within 8, 400 Gbit/s InfiniBand between",
    flop_per_second=989e12,
    compute_share=0.23,
    chips=8,
    bytes_per_second=450e9,
    slow_bytes_per_second=50e9,
    latency=20e-6,
)
V5E = Machine("TPU v5e, 16x16 torus", 197e12, 0.4, 256, 180e9, 180e9, 10e-6)
# The share of a network's data sheet figure that an all-reduce is assumed to reach.
NETWORK_SHARE = 0.8
CHIPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def all_reduces_of_step(size: int) -> AllReduces:
    """Compiles the article's step, with the discriminator's update, and reads its program."""
    config = sketch2color.get_config()
    config.image_size, config.batch_size, config.loss.feature = size, 8, 0.0
    # With another value the program would also contain the branch without the update.
    config.discriminator.update_every = 1
    program = build.compile_ahead(
        build.map_over_devices(build.build_step(config)), config
    ).as_text()
    assert program is not None
    operations = collectives(program)
    return AllReduces(len(operations), sum(numbers for _, numbers in operations) * 4 / 1e6)


def seconds_to_reduce(machine: Machine, chips: int, reduced: AllReduces) -> float:
    """Returns the time of ring all-reduces, within the fast networks and then between them.

    In a ring of n chips each chip sends 2 (n - 1) / n times the operands.
    """
    if chips == 1:
        return 0.0
    size = reduced.megabytes * 1e6
    within = min(chips, machine.chips)
    seconds = 2 * (within - 1) / within * size / (NETWORK_SHARE * machine.bytes_per_second)
    if chips > within:
        groups = chips // within
        # Each chip of a group sends its share of the operands to the other groups.
        seconds += (
            2 * (groups - 1) / groups * size / within
            / (NETWORK_SHARE * machine.slow_bytes_per_second)
        )  # fmt: skip
    return seconds + reduced.count * machine.latency


def main() -> None:
    """Prints the all-reduces and the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--compiled_size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=8, help="pictures on each chip")
    options = parser.parse_args()
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 8)
    reduced = all_reduces_of_step(options.compiled_size)
    print(f"a step sends {reduced.megabytes:.1f} MB in {reduced.count} all-reduces")
    for machine in (H100, V5E):
        print(f"\n{machine.name}\n")
        print("| px | a step alone, ms | " + " | ".join(map(str, CHIPS)) + " |")
        print("| ---: " * (len(CHIPS) + 2) + "|")
        for size in (256, 512):
            compute = (
                options.batch * flop(size)[0] / (machine.compute_share * machine.flop_per_second)
            )
            shares = [
                compute / (compute + seconds_to_reduce(machine, chips, reduced)) for chips in CHIPS
            ]
            cells = " | ".join(f"{share:.0%}" for share in shares)
            print(f"| {size} | {1e3 * compute:.1f} | {cells} |")


if __name__ == "__main__":
    main()
