"""The demo: real drawings, trained in minutes on two CPU cores.

python -m s2c_jax.datasets openmoji_sketch/64
python -m s2c_jax.main --config configs/openmoji.py --workdir runs/openmoji

gave a mean absolute error of 0.1037 on the held-out drawings, range [-1, 1], from 0.1591 of the
sketches themselves, and 0.1093 with --config.seed=1. Why the default settings:
experiments/quality/README.md. Fewer halvings fit a
picture of 64 px, half the width and a larger batch the ten minutes; the feature loss nearly doubles
them (experiments/random_features/README.md).
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 35
    config.dataset.name = "openmoji_sketch"
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (32, 64, 128, 256)
    config.loss.feature = 0.0
    return config
