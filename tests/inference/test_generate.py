"""Inference with a generator in JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from s2c_jax.distributed import replicated_sharding
from s2c_jax.inference import generate
from s2c_jax.inference.generate import make_generate
from s2c_jax.models.generator import Generator
from s2c_jax.models.ranges import normalize, normalize_rgba


@pytest.fixture(scope="module")
def generator():
    return Generator(
        channels=(4, 8), dropout_rate=0.5, dropout_layers=1, upsampling="resize",
        hints=True, palette=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def variables(generator):
    sketch = jnp.zeros((1, 8, 8, 3))
    variables = jax.jit(functools.partial(generator.init, train=False))(jax.random.key(0), sketch)
    # The initial weights are small; larger ones give every guidance a visible effect.
    return jax.device_put(jax.tree.map(lambda leaf: 5 * leaf, variables), replicated_sharding())


def random_levels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


GUIDANCE = {
    "hints": random_levels(3, 8, 8, 4),
    "palettes": random_levels(3, 4, 4, 4),
    "seeds": np.arange(3, dtype=np.uint32),
}


@pytest.mark.parametrize(
    "kinds", [(), ("hints",), ("palettes",), ("seeds",), ("hints", "palettes", "seeds")]
)
def test_generate_applies_the_generator_to_normalised_pictures(generator, variables, kinds):
    sketches = random_levels(3, 8, 8, 3)
    guidance = {kind: GUIDANCE[kind] for kind in kinds}
    expected = jax.jit(functools.partial(generator.apply, train=False))(
        jax.tree.map(jnp.asarray, jax.device_get(variables)),
        normalize(jnp.asarray(sketches)),
        normalize_rgba(jnp.asarray(guidance["hints"])) if "hints" in kinds else None,
        normalize_rgba(jnp.asarray(guidance["palettes"])) if "palettes" in kinds else None,
        jax.vmap(jax.random.key)(guidance["seeds"]) if "seeds" in kinds else None,
    )
    actual = make_generate(generator)(variables, sketches, **guidance)
    assert actual.dtype == np.uint8
    levels = np.round((np.asarray(expected) + 1) * 127.5)
    np.testing.assert_allclose(actual.astype(np.float32), levels, atol=1)
    assert levels.std() > 1


@pytest.mark.parametrize("kind", list(GUIDANCE))
def test_each_kind_of_guidance_changes_the_pictures(generator, variables, kind):
    generate_ = make_generate(generator)
    sketches = random_levels(3, 8, 8, 3)
    alone = generate_(variables, sketches)
    guided = generate_(variables, sketches, **{kind: GUIDANCE[kind]})
    assert (alone != guided).any()


def test_each_kind_of_guidance_is_compiled_once(generator, variables, monkeypatch):
    """Each trace normalises the sketches once."""
    traces = []
    monkeypatch.setattr(generate, "normalize", lambda x: traces.append(x) or normalize(x))
    generate_ = make_generate(generator)
    for count in (3, 1, 3):
        sketches = random_levels(count, 8, 8, 3)
        generate_(variables, sketches)
        generate_(variables, sketches, seeds=GUIDANCE["seeds"][:count])
    assert len(traces) == 2


@pytest.mark.parametrize("hints", [False, True])
@pytest.mark.parametrize("palette", [False, True])
def test_network_inputs_name_the_guidance_that_a_generator_takes(hints, palette):
    generator = Generator(
        channels=(4, 8, 8), dropout_rate=0.5, dropout_layers=1, upsampling="resize",
        hints=hints, palette=palette,
    )  # fmt: skip
    inputs = generate.network_inputs(generator)
    assert inputs["sketch"] == ("batch", "8*height", "8*width", 3)
    assert inputs.get("hints") == (("batch", "8*height", "8*width", 4) if hints else None)
    assert inputs.get("palette") == (("batch", 4, 4, 4) if palette else None)
