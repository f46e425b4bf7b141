"""Steps of small networks, with the article's settings where a test names none."""

from typing import Any

from s2c_jax.training.augment import Augmentation
from s2c_jax.training.step import LossWeights, TrainStep

# The article's weights, without the feature loss, which needs VGG16.
ARTICLE_WEIGHTS = LossWeights(
    adversarial=1.0, pixel=100.0, feature=0.0, total_variation=1e-4, palette=0.0
)

NO_AUGMENTATION = Augmentation(
    mirror=False, jitter=0.0, zoom=0.0, turn=0.0, shift=0.0, redraw=0.0, hands=()
)


def make_step(generator, discriminator, optimizer, key, **settings: Any) -> TrainStep:
    """Returns the article's step; `settings` override its attributes."""
    article = {
        "weights": ARTICLE_WEIGHTS,
        "palette_reach": 2.0,
        "real_label": 0.9,
        "pooling": "mean",
        "update_every": 2,
        "ema_decay": 0.0,
        "augmentation": NO_AUGMENTATION,
        "recolor": 0.8,
        "vgg": None,
    }
    return TrainStep(generator, discriminator, optimizer, key, **{**article, **settings})
