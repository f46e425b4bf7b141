"""The Kaggle pairs with the default settings.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/kaggle.py --workdir runs/kaggle

They are the article's but for those that coloured small drawings better in short runs
(experiments/quality/README.md); on these pairs they have not been run to their end. The article's
recipe is configs/sketch2color.py.
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    return default_config()
