"""Wrong settings are named before anything is built; config.json keeps a run's settings."""

import importlib
import json
import pathlib
import typing

import jax.numpy as jnp
import pytest

from s2c_jax import config as config_lib
from s2c_jax.errors import UserError
from s2c_jax.models.layers import Upsampling
from s2c_jax.training.losses import Pooling

CONFIGS = sorted(path.stem for path in (pathlib.Path(__file__).parents[1] / "configs").glob("*.py"))


def changed(**settings):
    """Returns the default settings without the feature loss, changed; "__" separates keys."""
    config = config_lib.default_config()
    config.loss.feature = 0.0
    for key, value in settings.items():
        config.update_from_flattened_dict({key.replace("__", "."): value})
    return config


def config_of(name, *variant):
    """Returns the settings of a file in configs/."""
    return importlib.import_module(f"configs.{name}").get_config(*variant)


def test_sketch2color_has_the_articles_settings():
    config = config_of("sketch2color")
    assert (config.image_size, config.batch_size, config.num_epochs) == (512, 8, 43)
    assert config.optimizer.to_dict() == {
        "learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema_decay": 0.0,
        "skip_not_finite": False,
    }
    assert config.generator.to_dict() == {
        "channels": (64, 128, 256, 512, 512, 512, 512, 512),
        "dropout_rate": 0.5,
        "dropout_layers": 3,
        "upsampling": "transposed",
        "hints": False,
        "palette": False,
    }
    assert config.discriminator.to_dict() == {
        "channels": (64, 128, 256, 512),
        "pooling": "mean",
        "update_every": 2,
    }
    weights = [config.loss[key] for key in ("adversarial", "pixel", "feature", "total_variation")]
    assert weights == [1, 100, 0.01, 0.0001]
    assert config.loss.real_label == 0.9
    # Palettes are not in the article, so their hues do not matter.
    assert not any((config.augmentation.to_dict() | {"recolor": 0}).values())


@pytest.mark.parametrize("name", ["openmoji", "sketch2color"])
def test_the_variant_hints_changes_nothing_but_the_generators_inputs(name):
    config = config_of(name)
    assert (config.generator.hints, config.generator.palette) == (False, False)
    assert config_of(name, "") == config
    config.generator.update(hints=True, palette=True)
    assert config_of(name, "hints") == config


def test_an_unknown_variant_is_named():
    with pytest.raises(UserError, match="there is no variant 'hint'; there is 'hints'"):
        config_lib.apply_variant(changed(), "hint")


@pytest.mark.parametrize("name", CONFIGS)
def test_validate_accepts_every_file_of_configs(name):
    config_lib.validate(config_of(name), num_devices=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 6}, "config.batch_size is 6: the 4 devices do not divide it"),
        ({"batch_size": 0}, "config.batch_size is 0: it must be at least 1"),
        ({"image_size": 100}, "config.image_size is 100: the generator halves it 8 times"),
        ({"image_size": 384}, "config.image_size is 384: the generator halves it 8 times"),
        (
            {"image_size": 32, "generator__channels": (8, 8, 8)},
            "config.image_size is 32: the discriminator halves it 4 times",
        ),
        ({"generator__channels": (8, 0)}, "config.generator.channels is"),
        ({"generator__channels": (8,)}, "it must be two or more positive whole numbers"),
        ({"generator__dropout_rate": 1.0}, r"it must lie in \[0, 1\)"),
        ({"discriminator__pooling": "max"}, 'it must be "mean" or "none"'),
        ({"generator__upsampling": "bilinear"}, 'it must be "transposed" or "resize"'),
        ({"precision": "float16"}, 'it must be "float32" or "bfloat16"'),
        ({"optimizer__learning_rate": -1.0}, "it must be positive"),
        ({"loss__pixel": float("inf")}, "config.loss.pixel is inf: it must be finite"),
        ({"max_steps": -1}, "it must not be negative"),
        ({"seed": -1}, "config.seed is -1: it must not be negative"),
        ({"loss__real_label": 0.0}, r"it must lie in \(0, 1\]"),
    ],
)
def test_validate_names_a_wrong_value_with_its_key(settings, message):
    with pytest.raises(UserError, match=message) as raised:
        config_lib.validate(changed(**settings), num_devices=4)
    assert "\n" not in str(raised.value)


def test_require_key_names_the_nearest_key():
    config_lib.require_key("loss.pixel")
    message = r"config.loss.pixl: no such key; did you mean config.loss.pixel\?"
    with pytest.raises(UserError, match=message):
        config_lib.require_key("loss.pixl")
    with pytest.raises(UserError, match=r"config.loss: no such key"):
        config_lib.require_key("loss")


def test_validate_names_an_unknown_and_a_missing_key():
    config = changed().unlock()
    config.colour = 1
    with pytest.raises(UserError, match=r"config.colour: no such key"):
        config_lib.validate(config, num_devices=1)
    config = changed().unlock()
    del config.seed
    with pytest.raises(UserError, match=r"config.seed is missing"):
        config_lib.validate(config, num_devices=1)


def test_validate_names_a_value_of_another_type():
    config = changed()
    with config.ignore_type():
        config.batch_size = "8"
    with pytest.raises(UserError, match="config.batch_size is '8': it must be of type int"):
        config_lib.validate(config, num_devices=1)


@pytest.mark.parametrize(
    ("key", "type_"), [("generator.upsampling", Upsampling), ("discriminator.pooling", Pooling)]
)
def test_choices_are_those_of_the_module_that_takes_them(key, type_):
    assert config_lib.CHOICES[key] == typing.get_args(type_)


def test_precisions_are_jax_dtypes_and_no_other_choice_is_untested():
    assert all(jnp.dtype(name).name == name for name in config_lib.CHOICES["precision"])
    others = config_lib.CHOICES.keys() - {"precision"}
    assert others == {"generator.upsampling", "discriminator.pooling"}


def test_load_returns_what_save_wrote(tmp_path):
    config = changed(generator__channels=(8, 16, 16), image_size=64)
    config_lib.save(config, tmp_path / "config.json")
    assert config_lib.load(tmp_path / "config.json") == config


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-9],
        lambda _: "[1]",
        lambda text: text.replace('"seed": 0', '"seed": "one"'),
    ],
)
def test_load_names_a_damaged_file(tmp_path, damage):
    path = tmp_path / "config.json"
    config_lib.save(changed(), path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match="does not hold a run's settings"):
        config_lib.load(path)


def test_load_names_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"config.json cannot be read \(No such file"):
        config_lib.load(tmp_path / "config.json")


def test_load_names_the_keys_of_another_version(tmp_path):
    """A missing key gets its default only if a run may change it anyway."""
    path = tmp_path / "config.json"
    config_lib.save(changed(), path)
    settings = json.loads(path.read_text())
    del settings["checkpoint"]["keep"]
    path.write_text(json.dumps(settings))
    assert config_lib.load(path) == changed()
    del settings["loss"]["pixel"]
    path.write_text(json.dumps(settings | {"sede": 1}))
    with pytest.raises(UserError, match=r"missing: loss\.pixel; unknown: sede\)") as raised:
        config_lib.load(path)
    assert "\n" not in str(raised.value)


def test_a_run_may_be_prolonged_but_not_changed():
    config_lib.require_same_run(changed(), changed(num_epochs=99, checkpoint__keep=1))
    with pytest.raises(UserError, match="generator.dropout_layers was 3 and is 2"):
        config_lib.require_same_run(changed(), changed(generator__dropout_layers=2))


def test_a_run_may_move_its_vgg16_file_but_not_take_random_filters():
    config_lib.require_same_run(changed(), changed(loss__feature_weights="/elsewhere/vgg16.h5"))
    with pytest.raises(UserError, match="loss.feature_weights was 'download' and is 'random'"):
        config_lib.require_same_run(changed(), changed(loss__feature_weights="random"))
