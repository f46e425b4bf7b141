"""The article's recipe to the letter: 512 px, batch size 8, 43 epochs, all four losses.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/sketch2color.py --workdir runs/sketch2color
python -m s2c_jax.main --config configs/sketch2color.py:hints --workdir runs/sketch2color_hints

The recipe needs an accelerator. It has not been trained to its end on the Kaggle pairs.
experiments/article_losses/README.md shows its losses on a smaller data set, and
experiments/quality/README.md which settings colour better there.

With the variant ":hints" the network also takes hints and palettes.
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = default_config()
    config.augmentation.mirror = False
    config.augmentation.jitter = 0.0
    config.generator.upsampling = "transposed"
    config.loss.adversarial = 1.0
    config.optimizer.learning_rate = 0.0002
    config.optimizer.ema_decay = 0.0
    return apply_variant(config, variant)
