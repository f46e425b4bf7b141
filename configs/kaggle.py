"""The default settings on the Kaggle pairs, 512 px.

python -m s2c_jax.datasets anime_sketch_colorization/512 --manual_dir DOWNLOADS
python -m s2c_jax.main --config configs/kaggle.py --workdir runs/kaggle

The defaults are the article's settings, except those for which experiments/quality/README.md found
better ones in short runs on small drawings. No run on the Kaggle pairs has been trained to its end.
configs/sketch2color.py is the article's recipe.
"""

import ml_collections

from s2c_jax.config import default_config


def get_config() -> ml_collections.ConfigDict:
    return default_config()
