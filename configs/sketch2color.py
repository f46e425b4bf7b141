"""The article's recipe, to the letter: 512 px, batch 8, 43 epochs, all four losses.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/sketch2color.py --workdir runs/sketch2color

These are the defaults. The recipe is meant for an accelerator; on the Kaggle pairs it has not been
run to its end. What its losses do on a smaller data set: experiments/article_losses/README.md.
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    return default_config()
