"""The demo: OpenMoji's drawings at 64 px, trained in ten minutes on two CPU cores.

python -m s2c_jax.datasets openmoji_sketch/64
python -m s2c_jax.main --config configs/openmoji.py --workdir runs/openmoji
python -m s2c_jax.main --config configs/openmoji.py:hints --workdir runs/openmoji_hints

Result of the first run on the held-out drawings: a mean absolute error of 0.1037, in the range
[-1, 1], and 0.1093 with --config.seed=1. The uncoloured sketches have 0.1591.

With the variant ":hints" the network also takes hints and palettes (experiments/hints/README.md).

The reasons for these settings are in experiments/quality/README.md. A picture of 64 px can be
halved six times. Half the width of the networks and twice the batch size fit into ten minutes. The
feature loss would nearly double the time (experiments/random_features/README.md).
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 35
    config.dataset.name = "openmoji_sketch"
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (32, 64, 128, 256)
    config.loss.feature = 0.0
    return apply_variant(config, variant)
