"""Drawn people at 64 px, with hints and palettes, on two CPU cores.

python -m s2c_jax.datasets characters/64
python -m s2c_jax.main --config configs/characters.py --workdir runs/characters

The networks are the demo's. A smaller adversarial weight than the demo's leaves no grain on skin
and hair. The settings have not been compared yet.
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 5
    config.dataset.name = "characters"
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (32, 64, 128, 256)
    config.loss.feature = 0.0
    config.loss.adversarial = 0.03
    return apply_variant(config, "hints")
