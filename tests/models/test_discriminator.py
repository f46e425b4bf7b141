"""The discriminator's shapes and parameter count."""

import pytest

from configs import sketch2color
from s2c_jax.models.discriminator import Discriminator
from tests.support.networks import eval_shapes, num_parameters, picture_shape


def test_discriminator_has_the_articles_map_and_parameter_count():
    discriminator = Discriminator(sketch2color.get_config().discriminator.channels)
    logits, variables = eval_shapes(discriminator, picture_shape(512), picture_shape(512))
    assert logits.shape == (1, 30, 30, 1)
    widths = [6, 64, 128, 256, 512]
    convolutions = sum(16 * i * o + o for i, o in zip(widths, widths[1:]))
    convolutions += 4 * 512 * 512 + 512 + 4 * 512 * 1 + 1
    norms = 2 * (128 + 256 + 512 + 512)
    assert num_parameters(variables["params"]) == convolutions + norms == 3_813_569


@pytest.mark.parametrize("side", [64, 128, 256, 512])
def test_map_has_a_logit_for_each_16_pixels_less_the_unpadded_border(side):
    logits, _ = eval_shapes(Discriminator([4] * 4), picture_shape(side), picture_shape(side))
    assert logits.shape == (1, side // 16 - 2, side // 16 - 2, 1)
