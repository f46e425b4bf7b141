"""The demo's network, which also takes hints and palettes.

python -m s2c_jax.datasets openmoji_sketch/64
python -m s2c_jax.main --config configs/openmoji_hints.py --workdir runs/openmoji_hints

What it does with them: experiments/hints/README.md.
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
    config.generator.hints = True
    config.generator.palette = True
    return config
