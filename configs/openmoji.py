"""OpenMoji's drawings at 64 px, for two CPU cores.

python -m s2c_jax.datasets openmoji_sketch/64
python -m s2c_jax.main --config configs/openmoji.py --workdir runs/openmoji
python -m s2c_jax.main --config configs/openmoji.py:hints --workdir runs/openmoji_hints

`python -m s2c_jax.evaluate --workdir runs/openmoji` printed for a run: a mean absolute error of
0.1095, in the range [-1, 1], and a CIEDE2000 of 25.68. The uncoloured sketches have 0.1591.

With the variant ":hints" the network also takes hints and palettes (experiments/hints/README.md).

The reasons for these settings are in experiments/quality/README.md. A picture of 64 px can be
halved six times. The networks have half the width of the article's, and batches are twice as large.
The feature loss would nearly double the time (experiments/random_features/README.md).
"""

import ml_collections

from s2c_jax.config import apply_variant, default_config


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    config = default_config()
    config.image_size = 64
    config.batch_size = 16
    config.num_epochs = 35
    config.dataset.name = "openmoji_sketch"
    config.generator.channels = (32, 64, 128, 256, 256, 256)
    config.discriminator.channels = (32, 64, 128, 256)
    config.loss.feature = 0.0
    return apply_variant(config, variant)
