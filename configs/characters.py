"""The demo: drawn people at 64 px, with hints and palettes, for two CPU cores.

python -m s2c_jax.datasets characters/64
python -m s2c_jax.main --config configs/characters.py --workdir runs/characters

The reasons for these settings are in experiments/people/README.md.
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 4
    config.dataset.name = "characters"
    # A palette's colours are for hair and clothes. Turned hues would teach the network violet skin.
    config.augmentation.recolor = 0.0
    config.loss.palette_reach = 0.25
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (16, 32, 64, 128)
    config.loss.feature = 0.0
    config.loss.adversarial = 0.03
    config.optimizer.learning_rate = 0.002
    return apply_variant(config, "hints")
