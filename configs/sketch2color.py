"""The article's recipe, to the letter: 512 px, batch 8, 43 epochs, all four losses.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/sketch2color.py --workdir runs/sketch2color
python -m s2c_jax.main --config configs/sketch2color.py:hints --workdir runs/sketch2color_hints

With ":hints" the network also takes hints and palettes. The recipe is meant for an accelerator; on
the Kaggle pairs it has not been run to its end. What its losses do on a smaller data set:
experiments/article_losses/README.md. What colours better there: experiments/quality/README.md.
"""

import ml_collections

from s2c_jax.config import default_config, enable_guidance


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = default_config()
    config.augmentation.mirror = False
    config.augmentation.jitter = 0.0
    config.generator.upsampling = "transposed"
    config.loss.adversarial = 1.0
    config.optimizer.learning_rate = 0.0002
    config.optimizer.ema_decay = 0.0
    return enable_guidance(config, variant)
