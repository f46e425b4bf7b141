"""Kills a training run again and again, and compares its end with an uninterrupted run.

python -m experiments.interruptions.run --times 30
"""

import argparse
import collections
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments import runs
from tests.support.interruptions import MOMENTS, checksums, command, interrupt

# The demo with networks so narrow that an epoch takes two seconds.
SETTINGS = (
    "--config.generator.channels=(16, 32, 32, 32)",
    "--config.discriminator.channels=(16, 32)",
    "--config.validation.num_pairs=64",
)


def main() -> None:
    """Prints each death and the comparison; the exit status is 1 if the two runs differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = (*SETTINGS, f"--config.num_epochs={options.times + 5}")
    moments = list(MOMENTS)
    with tempfile.TemporaryDirectory() as folder:
        alone, interrupted = Path(folder) / "alone", Path(folder) / "interrupted"
        subprocess.run(
            command(alone, *settings), cwd=runs.ROOT, check=True, stderr=subprocess.DEVNULL
        )
        train = command(interrupted, *settings)
        kills = ((moments[i % len(moments)], signal.SIGKILL) for i in range(options.times))
        deaths = interrupt(train, interrupted, kills, options.seed)
        subprocess.run(train, cwd=runs.ROOT, check=True, stderr=subprocess.DEVNULL)
        same = checksums(alone) == checksums(interrupted)
        damaged = (interrupted / "damaged").exists()
    for death in deaths:
        print(json.dumps(death._asdict()))
    counts = collections.Counter((death.moment, death.writing) for death in deaths)
    for (moment, writing), count in sorted(counts.items()):
        print(f"{moment}, {'half' if writing else 'nothing half'} written: {count} deaths")
    print(f"a damaged checkpoint was met: {damaged}; same parameters as alone: {same}")
    sys.exit(not same or damaged)


if __name__ == "__main__":
    main()
