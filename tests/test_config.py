"""Wrong settings are named before anything is built."""

import importlib
import json
import pathlib
import re

import pytest
from ml_collections import ConfigDict

from configs import sketch2color
from s2c_jax import config as config_lib
from s2c_jax.errors import UserError

ROOT = pathlib.Path(__file__).parent.parent


def changed(**settings):
    config = config_lib.default_config()
    config.loss.feature = 0.0
    for key, value in settings.items():
        config.update_from_flattened_dict({key.replace("__", "."): value})
    return config


def test_sketch2color_is_the_articles_recipe():
    config = sketch2color.get_config()
    assert (config.image_size, config.batch_size, config.num_epochs) == (512, 8, 43)
    adam = {"learning_rate": 2e-4, "beta1": 0.5, "beta2": 0.999}
    assert config.optimizer.to_dict() == adam | {"ema_decay": 0.0, "skip_not_finite": False}
    weights = [config.loss[key] for key in ("adversarial", "pixel", "feature", "total_variation")]
    assert weights == [1, 100, 0.01, 0.0001]
    network = {"dropout_rate": 0.5, "dropout_layers": 3, "upsampling": "transposed"}
    network |= {"hints": False, "palette": False}
    network |= {"channels": (64, 128, 256, *[512] * 5)}
    assert config.generator.to_dict() == network
    judge = {"channels": (64, 128, 256, 512), "pooling": "mean", "update_every": 2}
    assert config.discriminator.to_dict() == judge
    assert config.loss.real_label == 0.9
    assert config.augmentation.to_dict() == {"mirror": False, "jitter": 0.0}


@pytest.mark.parametrize("name", ["openmoji", "sketch2color"])
def test_with_hints_nothing_else_is_changed(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    config.generator.update(hints=True, palette=True)
    assert importlib.import_module(f"configs.{name}_hints").get_config() == config


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "configs").glob("*.py")))
def test_every_file_of_configs_is_valid(name):
    config = importlib.import_module(f"configs.{name}").get_config()
    config_lib.validate(config, num_devices=8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 6}, "config.batch_size is 6: the 4 devices do not divide it"),
        ({"batch_size": 0}, "config.batch_size is 0: it must be at least 1"),
        ({"image_size": 384}, "config.image_size is 384: the generator halves it 8 times"),
        (
            {"image_size": 32, "generator__channels": (8, 8, 8)},
            "config.image_size is 32: the discriminator halves it 4 times",
        ),
        ({"generator__channels": (8, 0)}, "config.generator.channels is"),
        ({"generator__dropout_rate": 1.0}, r"it must lie in \[0, 1\)"),
        ({"discriminator__pooling": "max"}, 'it must be "mean" or "none"'),
        ({"generator__upsampling": "bilinear"}, 'it must be "transposed" or "resize"'),
        ({"optimizer__learning_rate": -1.0}, "it must be positive"),
        ({"max_steps": -1}, "it must not be negative"),
        ({"loss__real_label": 0.0}, r"it must lie in \(0, 1\]"),
    ],
)
def test_a_wrong_value_is_named_with_its_key(settings, message):
    with pytest.raises(UserError, match=message) as raised:
        config_lib.validate(changed(**settings), num_devices=4)
    assert "\n" not in str(raised.value)


def test_an_unknown_or_missing_key_is_named_with_the_nearest():
    with pytest.raises(UserError, match=r"config.loss.pixl: no such key; did you mean .*pixel"):
        config_lib.require_key("loss.pixl")
    config = changed().unlock()
    config.colour = 1
    with pytest.raises(UserError, match=r"config.colour: no such key"):
        config_lib.validate(config, num_devices=1)
    config = changed().unlock()
    del config.seed
    with pytest.raises(UserError, match=r"config.seed is missing"):
        config_lib.validate(config, num_devices=1)


def test_a_value_of_another_type_is_named():
    config = changed()
    with config.ignore_type():
        config.batch_size = "8"
    with pytest.raises(UserError, match="config.batch_size is '8': it must be of type int"):
        config_lib.validate(config, num_devices=1)


def test_readme_has_every_key_and_its_default():
    readme = (ROOT / "README.md").read_text()
    found: dict[str, str] = {}
    for keys, defaults in re.findall(r"^\| (`[a-z].*?`) \| (.*?) \|", readme, re.MULTILINE):
        found |= dict(zip(re.findall("`(.*?)`", keys), defaults.split(", "), strict=False))
    config = config_lib.default_config()
    flat = {
        f"{group}.{key}" if key else group: value[key] if key else value
        for group, value in config.items()
        for key in (value if isinstance(value, ConfigDict) else [""])
    }
    assert len(flat) > 25
    for key, value in flat.items():
        shown = {"": '""'}.get(value, str(value))
        if isinstance(value, tuple):
            shown = f"{value[0]} … {value[-1]} ({len(value)})"
        assert found[key] == shown, key


def test_a_file_gives_back_the_same_settings(tmp_path):
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
def test_a_damaged_file_is_named(tmp_path, damage):
    path = tmp_path / "config.json"
    config_lib.save(changed(), path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match="does not hold a run's settings"):
        config_lib.load(path)


def test_settings_of_another_version_are_named(tmp_path):
    """A missing one is not taken to be its default, unless the run may change it anyway."""
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
    config_lib.require_same_run(changed(), changed(loss__feature_weights="/elsewhere/vgg16.h5"))
    with pytest.raises(UserError, match="loss.feature_weights was 'download' and is 'random'"):
        config_lib.require_same_run(changed(), changed(loss__feature_weights="random"))
