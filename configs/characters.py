"""The demo: people at 64 px, with hints and palettes, trained in minutes on two CPU cores.

python -m s2c_jax.datasets characters/64
python -m s2c_jax.main --config configs/characters.py --workdir runs/characters
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config(variant: str = "hints") -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 5
    config.dataset.name = "characters"
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (32, 64, 128, 256)
    config.loss.feature = 0.0
    config.loss.adversarial = 0.03
    return apply_variant(config, variant)
