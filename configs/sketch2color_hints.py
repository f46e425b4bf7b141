"""The article's recipe with a generator that also takes hints and palettes.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/sketch2color_hints.py --workdir runs/sketch2color_hints

On the Kaggle pairs it has not been run to its end. What hints and palettes do on a smaller data
set: experiments/hints/README.md.
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.augmentation.mirror = False
    config.augmentation.jitter = 0.0
    config.generator.upsampling = "transposed"
    config.loss.adversarial = 1.0
    config.optimizer.learning_rate = 0.0002
    config.optimizer.ema_decay = 0.0
    config.generator.hints = True
    config.generator.palette = True
    return config
