"""A config whose run takes seconds."""

from ml_collections import ConfigDict

from s2c_jax.config import default_config


def make_small_config(data_dir: str) -> ConfigDict:
    """Returns the config of a run of two epochs on the small drawings."""
    config = default_config()
    config.image_size = 64
    config.batch_size = 8
    config.num_epochs = 2
    config.dataset.name = "openmoji_sketch"
    config.dataset.data_dir = data_dir
    config.generator.channels = (4, 8, 8)
    config.discriminator.channels = (4, 8)
    config.loss.feature = 0.0
    config.validation.num_samples = 2
    config.validation.num_pairs = 4
    return config
