"""What a config is built into: networks, VGG16, compiled steps and the first state."""

import jax
import numpy as np
import pytest

from s2c_jax import distributed
from s2c_jax.errors import UserError
from s2c_jax.training import build
from tests.support.configs import make_small_config
from tests.support.steps import NO_AUGMENTATION
from tests.support.trees import assert_trees_equal


@pytest.fixture
def config():
    """A small config, for tests that read no data."""
    return make_small_config("")


def test_without_a_feature_loss_vgg16_is_not_loaded(config):
    config.loss.feature_weights = "/there/is/no/such/file"
    assert build.load_vgg(config) is None


def test_vgg16_with_random_filters_is_announced(config, capsys):
    config.loss.feature, config.loss.feature_weights = 0.01, "random"
    assert len(build.load_vgg(config).convs) == 4
    assert "VGG16 has random filters, not ImageNet's" in capsys.readouterr().out


def test_a_missing_weights_file_is_named_with_its_config_key(config):
    config.loss.feature, config.loss.feature_weights = 0.01, "/there/is/no/such/file"
    with pytest.raises(UserError, match="^config.loss.feature_weights: .*/there/is/no/such/file"):
        build.load_vgg(config)


def test_step_has_the_settings_of_the_config(config):
    config.loss.pixel, config.loss.real_label = 7.0, 0.8
    config.augmentation.jitter = 0.2
    config.discriminator.update_every = 3
    config.augmentation.recolor, config.loss.palette_reach = 0.1, 0.3
    step = build.build_step(config)
    assert (step.weights.pixel, step.real_label) == (7.0, 0.8)
    assert (step.recolor, step.palette_reach) == (0.1, 0.3)
    assert step.augmentation == NO_AUGMENTATION._replace(mirror=True, jitter=0.2)
    assert step.update_every == 3
    assert build.build_step(config, update_every=0).update_every == 0


def test_initial_state_comes_from_the_seed_alone(config):
    states = []
    for seed in (0, 0, 1):
        config.seed = seed
        states.append(jax.device_get(build.init_state(config)))
    assert_trees_equal(states[0], states[1])
    kernels = [state.generator.params["encoder_0"]["kernel"] for state in states]
    assert not np.array_equal(kernels[0], kernels[2])


def test_initial_state_is_replicated_and_its_buffers_do_not_alias(config):
    state = build.init_state(config)
    for leaf in jax.tree.leaves(state):
        assert leaf.sharding.is_fully_replicated
        assert leaf.devices() == set(jax.local_devices())
    trained, average = (jax.tree.leaves(each) for each in (state.generator.variables, state.ema))
    for left, right in zip(trained, average, strict=True):
        np.testing.assert_array_equal(left, right)
    pointers = [leaf.addressable_shards[0].data.unsafe_buffer_pointer() for leaf in trained]
    others = [leaf.addressable_shards[0].data.unsafe_buffer_pointer() for leaf in average]
    assert not set(pointers) & set(others)


@pytest.mark.slow(reason="compiles three steps for eight devices")
def test_on_gpu_one_program_for_each_branch_trains_like_the_condition(config, monkeypatch):
    compile_one, programs = build.compile_ahead, []

    def remember(*args):
        programs.append(compile_one(*args))
        return programs[-1]

    monkeypatch.setattr(build, "compile_ahead", remember)
    config.discriminator.update_every = 3
    config.image_size, config.generator.channels = 16, (4, 8)
    per_device = (8, config.batch_size // 8)
    shapes = {"sketch": (16, 16, 3), "color": (16, 16, 3), "palette": (4, 4, 3)}
    rng = np.random.default_rng(0)
    batch = {
        key: rng.integers(0, 256, (*per_device, *shape), np.uint8) for key, shape in shapes.items()
    }
    batch = jax.device_put(batch, distributed.batch_sharding())
    losses, learnt = {}, {}
    for backend in ("cpu", "gpu"):
        monkeypatch.setattr(jax, "default_backend", lambda backend=backend: backend)
        train_step = build.compile_step(config)
        state = build.init_state(config)
        losses[backend], learnt[backend] = [], []
        for number in range(1, 7):
            before = jax.device_get(state.discriminator.params)
            state, metrics = train_step(number, state, batch)
            losses[backend].append(jax.tree.leaves(jax.device_get(metrics)))
            after = jax.device_get(state.discriminator.params)
            if not all(map(np.array_equal, jax.tree.leaves(before), jax.tree.leaves(after))):
                learnt[backend].append(number)
    assert learnt == {"cpu": [3, 6], "gpu": [3, 6]}
    np.testing.assert_allclose(losses["gpu"], losses["cpu"], rtol=1e-3)
    assert [" conditional(" in each.as_text() for each in programs] == [True, False, False]
