"""The article's recipe, to the letter, on the Kaggle pairs.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/sketch2color.py --workdir runs/sketch2color

It is meant for an accelerator and has not been trained to its end by us yet. What its losses do on
a smaller data set: experiments/article_losses/README.md.
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    config = default_config()
    config.dataset.name = "anime_sketch_colorization"
    return config
