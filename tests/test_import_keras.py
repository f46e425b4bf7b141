"""A generator from Keras begins a run; other files are refused with their reason.

tests/parity compares the picture with Keras's own, which needs Keras.
"""

import h5py
import jax
import numpy as np
import pytest

from s2c_jax import checkpoint
from s2c_jax.errors import UserError
from s2c_jax.training.build import init_state
from s2c_jax.training.import_keras import import_generator
from s2c_jax.training.loop import train_and_evaluate
from tests.support.commands import run
from tests.support.trees import assert_trees_equal


def write(path, config, *, leave_out=(), kernel_of=None):
    """Writes random weights in the layout of a Keras 2 weights file.

    Args:
        path: the file.
        config: the run's settings, for the shapes.
        leave_out: names of layers that the file's list of layers lacks.
        kernel_of: the name of a convolution that gets a kernel of another size.
    """
    params = init_state(config).generator.params
    rng = np.random.default_rng(0)
    depth = len(config.generator.channels)
    names = [f"encoder_{i}" for i in range(depth)] + [f"decoder_{i}" for i in range(depth - 1)]
    names.append("output")
    with h5py.File(path, "w") as file:
        layers = []
        for name in names:
            kernel = params[name]["kernel"].shape
            if not name.startswith("encoder"):
                kernel = (*kernel[:2], kernel[3], kernel[2])
            if name == kernel_of:
                kernel = (3, 3, *kernel[2:])
            layers.append((name, {"kernel": kernel, "bias": params[name]["bias"].shape}))
            norm = name.replace("_", "_norm_")
            if norm != name and norm in params:
                size = params[norm]["scale"].shape
                vectors = ("gamma", "beta", "moving_mean", "moving_variance")
                layers.append((norm, dict.fromkeys(vectors, size)))
        file.attrs["layer_names"] = [name for name, _ in layers if name not in leave_out]
        for name, shapes in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/{part}:0" for part in shapes]
            for part, shape in shapes.items():
                group[f"{name}/{part}:0"] = rng.uniform(0.01, 0.05, shape).astype(np.float32)
    return path


@pytest.mark.slow(reason="trains an epoch of an architecture that no other test compiles")
def test_a_run_begins_with_the_imported_generator_and_trains_on(tmp_path, keras_config):
    keras_config.num_epochs = 1
    path, workdir = write(tmp_path / "generator.h5", keras_config), tmp_path / "run"
    import_generator(path, keras_config, workdir)
    assert checkpoint.all_steps(workdir) == [0]
    state = init_state(keras_config)
    with checkpoint.open_manager(workdir, 3) as manager:
        restored = checkpoint.restore_latest(manager, state, None, 0)
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


def test_files_without_such_a_generator_are_named(tmp_path, keras_config):
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = 1
    files = {
        "there is no file": tmp_path / "missing.h5",
        "is not a readable HDF5 file": tmp_path / "text.h5",
        "neither layer_names nor layers": tmp_path / "other.h5",
        "holds 5 convolutions and 3 batch norms, and .* asks for 6 and 3": write(
            tmp_path / "short.h5", keras_config, leave_out=["output"]
        ),
        r"encoder_1/encoder_1 has a kernel of shape \(3, 3, 4, 8\), and encoder_1 needs": write(
            tmp_path / "kernel.h5", keras_config, kernel_of="encoder_1"
        ),
    }
    for message, path in files.items():
        with pytest.raises(UserError, match=message) as raised:
            import_generator(path, keras_config, tmp_path / "run")
        assert str(path) in str(raised.value)
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
