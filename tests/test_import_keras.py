"""A generator from Keras begins a run; other files are refused with their reason.

tests/parity compares the picture with Keras's own, which needs Keras.
"""

import h5py
import jax
import numpy as np
import pytest

from s2c_jax import checkpoint
from s2c_jax.datasets import input_pipeline
from s2c_jax.errors import UserError
from s2c_jax.training.build import init_state
from s2c_jax.training.import_keras import import_generator
from s2c_jax.training.loop import train_and_evaluate
from tests.support.commands import run
from tests.support.keras_files import random_layers, write_keras2
from tests.support.trees import assert_trees_equal


def write(path, config):
    return write_keras2(path, random_layers(init_state(config).generator.params))


@pytest.mark.slow(reason="trains an epoch of an architecture that no other test compiles")
def test_a_run_begins_with_the_imported_generator_and_trains_on(tmp_path, keras_config, data_dir):
    keras_config.num_epochs = 1
    path, workdir = write(tmp_path / "generator.h5", keras_config), tmp_path / "run"
    import_generator(path, keras_config, workdir)
    assert checkpoint.all_steps(workdir) == [0]
    state = init_state(keras_config)
    source = input_pipeline.open_split("openmoji_sketch", 64, "train", data_dir)
    batches = input_pipeline.train_batches(source, batch_size=8, seed=0, num_threads=1)
    with checkpoint.open_manager(workdir, 3) as manager:
        restored = checkpoint.restore_latest(manager, state, batches, len(source))
    with h5py.File(path) as file:
        kernel = file["decoder_0/decoder_0/kernel:0"][()].swapaxes(2, 3)
        variance = file["decoder_norm_0/decoder_norm_0/moving_variance:0"][()]
    generator = restored.generator
    np.testing.assert_array_equal(generator.params["decoder_0"]["kernel"], kernel)
    # Keras's epsilon is 0.001, this package's 0.00001; the normalisation must be the same.
    np.testing.assert_allclose(
        generator.batch_stats["decoder_norm_0"]["var"] + 1e-5, variance + 1e-3, rtol=1e-6
    )
    assert_trees_equal(restored.colorizer, generator.variables)
    assert_trees_equal(restored.discriminator, state.discriminator)

    train_and_evaluate(keras_config, workdir)
    last = checkpoint.all_steps(workdir)[-1]
    assert last > 0
    shapes = jax.eval_shape(lambda: state.colorizer)
    averaged = keras_config.optimizer.ema_decay > 0
    _, trained = checkpoint.restore_generator(workdir, shapes, "last", averaged=averaged)
    moved = np.abs(trained["params"]["decoder_0"]["kernel"] - kernel).max()
    assert 0 < moved < 2 * last * keras_config.optimizer.learning_rate


def test_model_with_other_channels_is_refused_with_the_key(tmp_path, keras_config):
    path = write(tmp_path / "generator.h5", keras_config)
    keras_config.generator.channels = (4, 8, 16)
    with pytest.raises(UserError, match="config.generator.channels must be") as raised:
        import_generator(path, keras_config, tmp_path / "run")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("key", "value"), [("upsampling", "resize"), ("hints", True), ("palette", True)]
)
def test_another_architecture_in_the_config_is_refused(tmp_path, keras_config, key, value):
    keras_config.generator[key] = value
    with pytest.raises(UserError, match=f"config.generator.{key} must be"):
        import_generator(tmp_path / "generator.h5", keras_config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow(reason="runs the command twice in processes that compile anew")
def test_the_command_imports_once_and_refuses_a_second_import(tmp_path, keras_config):
    path = write(tmp_path / "generator.h5", keras_config)
    arguments = [
        "--config", "configs/sketch2color.py", "--workdir", tmp_path / "run",
        "--config.generator.channels=(4, 8, 8)", "--config.discriminator.channels=(4, 8)", path,
    ]  # fmt: skip
    done = run("import_keras", *arguments)
    assert done.returncode == 0, done.stderr
    assert "colour with s2c_jax.colorize" in done.stdout
    done = run("import_keras", *arguments)
    assert done.returncode == 1
    assert "holds checkpoints already: take another" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
