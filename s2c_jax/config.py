"""A run's settings, the checks on them, and their file in a workdir.

`default_config` is the one list of all keys. Most values are the article's; the others come from
experiments/quality/README.md, which found better ones. A file in configs/ changes a few of them.
configs/sketch2color.py brings back the article's values.

docs/settings.md is generated from the comments of `default_config`: a comment above each key.
"""

import difflib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections

from s2c_jax import files
from s2c_jax.errors import UserError

# The values that a key can take. A test compares them with the types of the modules that take them.
CHOICES = {
    "precision": ("float32", "bfloat16"),
    "generator.upsampling": ("transposed", "resize"),
    "discriminator.pooling": ("mean", "none"),
}
# The names that augmentation.hands may have.
HANDS = (
    "clean", "thin", "bold", "pencil", "broken", "rough", "colored", "scan", "soft", "jpeg",
)  # fmt: skip
# Keys that earlier versions did not have, with the values that earlier runs were trained with.
_ADDED = {
    "augmentation.zoom": 0.0, "augmentation.turn": 0.0, "augmentation.shift": 0.0,
    "augmentation.redraw": 0.0, "augmentation.hands": (), "augmentation.recolor": 0.8,
    "loss.palette_reach": 2.0,
}  # fmt: skip

# Keys, or the beginnings of keys, that a run may change when it continues.
_CHANGEABLE = (
    "num_epochs", "max_steps", "precision", "dataset.data_dir", "dataset.num_threads",
    "optimizer.skip_not_finite", "validation.", "checkpoint.",
)  # fmt: skip

# Counts that must not be 0.
_AT_LEAST_1 = (
    "batch_size", "num_epochs", "image_size", "dataset.num_threads", "discriminator.update_every",
    "validation.num_samples", "validation.every_epochs", "validation.num_pairs",
    "checkpoint.every_epochs", "checkpoint.keep",
)  # fmt: skip
# Numbers whose 0 switches something off, weights, and the seed.
_NOT_NEGATIVE = (
    "seed", "max_steps", "augmentation.jitter", "augmentation.zoom",
    "augmentation.turn", "augmentation.shift", "generator.dropout_layers", "loss.adversarial",
    "loss.pixel", "loss.feature", "loss.total_variation", "loss.palette", "loss.palette_reach",
)  # fmt: skip
# Rates in [0, 1): a rate of 1 would drop everything, or never forget anything.
_BELOW_1 = (
    "generator.dropout_rate", "optimizer.beta1", "optimizer.beta2", "optimizer.ema_decay",
)  # fmt: skip

# Side in pixels of the discriminator's last strided features: the two 2x2 convolutions that follow
# have no padding, and each takes one pixel off.
_MIN_LAST_SIDE = 3


def default_config() -> ml_collections.ConfigDict:
    """Returns the settings. They are locked: a key that is not listed here cannot be set."""
    config = ml_collections.ConfigDict()

    # The seed of all random numbers: initial weights, the order of the data, augmentation,
    # simulated hints and palettes, dropout.
    config.seed = 0
    # The side of the square pictures, in pixels: a multiple of 2 ** len(generator.channels).
    config.image_size = 512
    # The number of pairs in a batch, over all devices together.
    config.batch_size = 8
    # The number of epochs: how often the run goes through all training pairs.
    config.num_epochs = 43
    # The dtype in which the networks compute while training: "float32" or "bfloat16". Parameters,
    # batch statistics and losses are float32 with both.
    config.precision = "float32"
    # The largest number of steps, one for each batch. The run ends there even within an epoch; 0 is
    # no limit.
    config.max_steps = 0

    # The pairs of sketches and coloured pictures.
    config.dataset = dataset = ml_collections.ConfigDict()
    # A TFDS builder of s2c_jax.datasets, or your own builder, which --import or your config file
    # imports.
    dataset.name = "anime_sketch_colorization"
    # The folder where TFDS keeps prepared data; "" is TFDS's default, ~/tensorflow_datasets.
    dataset.data_dir = ""
    # Threads that read and decode pairs.
    dataset.num_threads = 4

    # Random changes of the training pairs, drawn anew in each step.
    config.augmentation = augmentation = ml_collections.ConfigDict()
    # Whether half of the pairs, chosen at random, are mirrored left to right.
    augmentation.mirror = True
    # Pairs are enlarged by a random factor in [1, 1 + jitter], and a random window of the old size
    # is cut out; 0 is off.
    augmentation.jitter = 0.0
    # Pairs are enlarged or shrunk by a random factor in [1 / (1 + zoom), 1 + zoom]; 0 is off.
    augmentation.zoom = 0.0
    # The largest angle in degrees by which pairs are turned; 0 is off.
    augmentation.turn = 0.0
    # The largest shift of a pair, as a share of the picture's side; 0 is off.
    augmentation.shift = 0.0
    # The share of the sketches that are drawn anew from their colour pictures, by extractors of
    # lines. 1 needs no sketches.
    augmentation.redraw = 0.0
    # The hands that draw the sketches' lines, one at random for each: "clean" leaves the lines as
    # they are. Without hands the sketches stay as they are.
    augmentation.hands = ()
    # The share of the palettes whose hues are turned by a random angle, with those of the picture.
    # Only a generator that takes palettes has them.
    augmentation.recolor = 0.8

    # The U-Net that colours.
    config.generator = generator = ml_collections.ConfigDict()
    # The channels of the encoder's stride-2 convolutions; the last one is the bottleneck. Their
    # number is the number of times that the side is halved.
    generator.channels = (64, 128, 256, 512, 512, 512, 512, 512)
    # The share of activations that dropout zeroes in training: the noise z of pix2pix.
    generator.dropout_rate = 0.5
    # Decoder layers with dropout, counted from the bottleneck.
    generator.dropout_layers = 3
    # How the decoder doubles the side: by a "transposed" convolution, or by "resize" and a
    # convolution.
    generator.upsampling = "resize"
    # Whether the generator takes hints, which say where a colour goes. Training simulates hints
    # from the true colours.
    generator.hints = False
    # Whether the generator takes a palette, which says which colours to use.
    generator.palette = False

    # The PatchGAN discriminator.
    config.discriminator = discriminator = ml_collections.ConfigDict()
    # The channels of the stride-2 convolutions.
    discriminator.channels = (64, 128, 256, 512)
    # How the probabilities of the patches of a pair enter the discriminator's loss and the
    # adversarial loss: "mean" averages them to one probability, "none" keeps one for each patch.
    discriminator.pooling = "mean"
    # Steps between updates of the discriminator; 2 updates it in every second step.
    discriminator.update_every = 2

    # The weights of the generator's losses, and two other settings of the losses.
    config.loss = loss = ml_collections.ConfigDict()
    # The weight of the adversarial loss.
    loss.adversarial = 0.2
    # The weight of the pixel loss, the mean absolute error of the pixels.
    loss.pixel = 100.0
    # The weight of the feature loss, which compares features of VGG16; 0 needs no VGG16.
    loss.feature = 0.01
    # The weight of the total variation loss, which smooths the picture.
    loss.total_variation = 0.0001
    # The weight of the palette loss, which pulls coloured pixels to the palette's colours. Only a
    # generator that takes palettes has this loss.
    loss.palette = 200.0
    # The palette loss counts only pixels whose true colour is at most this far from the palette's
    # nearest colour: a mean over the channels, in [0, 2]. 2 counts all coloured pixels.
    loss.palette_reach = 2.0
    # The discriminator's label of a real pair; less than 1 is one-sided label smoothing.
    loss.real_label = 0.9
    # Where the weights of VGG16 come from if loss.feature is not 0: a file of Keras or torchvision,
    # "download" for Keras's file, or "random" for random filters, which need no file.
    loss.feature_weights = "download"

    # Adam's settings, the same for both networks.
    config.optimizer = optimizer = ml_collections.ConfigDict()
    # Adam's learning rate, the same in all steps.
    optimizer.learning_rate = 0.001
    # The decay of the gradients' mean.
    optimizer.beta1 = 0.5
    # The decay of the squared gradients' mean.
    optimizer.beta2 = 0.999
    # The decay of the generator's exponential moving average in each step. This average colours,
    # instead of the trained generator; 0 keeps no average.
    optimizer.ema_decay = 0.995
    # What happens if a network's gradient is not finite: True skips the network's update and counts
    # the step, False ends the run with an error.
    optimizer.skip_not_finite = False

    # What is measured and drawn during training.
    config.validation = validation = ml_collections.ConfigDict()
    # The number of validation sketches that are coloured after every epoch, for samples/.
    validation.num_samples = 24
    # Epochs between two measurements of the validation pairs. They are also measured before every
    # checkpoint.
    validation.every_epochs = 1
    # The number of validation pairs that are measured: the first ones.
    validation.num_pairs = 256

    # What is kept of a run.
    config.checkpoint = checkpoint = ml_collections.ConfigDict()
    # Epochs between two checkpoints. The end of the run always has one.
    checkpoint.every_epochs = 1
    # How many of the last checkpoints are kept. The best checkpoint is kept as well.
    checkpoint.keep = 3

    return config.lock()


def apply_variant(config: ml_collections.ConfigDict, variant: str) -> ml_collections.ConfigDict:
    """Changes settings to a config file's variant, the part behind a colon, and returns them.

    Args:
        config: the settings, which are changed.
        variant: "hints", as in configs/openmoji.py:hints, makes the generator take hints and
            palettes; "" makes it take neither.

    Raises:
        UserError: there is no such variant.
    """
    if variant not in ("", "hints"):
        raise UserError(f"there is no variant {variant!r}; there is 'hints'")
    config.generator.hints = config.generator.palette = variant == "hints"
    return config


def require_key(key: str) -> None:
    """Raises UserError, which names the nearest key, if a key such as "loss.pixel" is unknown."""
    keys = _flatten(default_config()).keys()
    if key not in keys:
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.4)
        hint = f"; did you mean config.{near[0]}?" if near else ""
        raise UserError(f"config.{key}: no such key{hint}")


def validate(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Checks the settings before anything is built.

    Args:
        config: from `default_config`, changed.
        num_devices: the number of devices over which a batch is split.

    Raises:
        UserError: a value is wrong; the message names the key, its value and what it may be.
    """
    settings = _flatten(config)
    _check_keys_and_types(settings)
    _check_values(settings)
    _check_sizes(settings, num_devices)


def save(config: ml_collections.ConfigDict, path: Path) -> None:
    """Writes the settings as JSON, or raises OSError and leaves an earlier file as it was."""
    files.write_whole(path, (json.dumps(config.to_dict(), indent=2) + "\n").encode())


def load(path: Path) -> ml_collections.ConfigDict:
    """Reads settings that `save` wrote. Keys that a run may change may be missing.

    Raises:
        UserError: the file cannot be read, or has other keys than this version.
    """
    config = default_config()
    try:
        settings = ml_collections.ConfigDict(_with_tuples(json.loads(path.read_text())))
        _require_keys_of_this_version(path, _flatten(settings), _flatten(config))
        config.update_from_flattened_dict(_ADDED)
        config.update(settings)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): is its folder the workdir of a run?"
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not hold a run's settings ({error})") from None
    return config


def require_same_run(old: ml_collections.ConfigDict, new: ml_collections.ConfigDict) -> None:
    """Checks that a run can continue with changed settings.

    Args:
        old: the settings with which the run's checkpoints were trained.
        new: the settings for the rest of the run.

    Raises:
        UserError: they differ in keys that must not change; the message names the keys.
    """
    old_flat, new_flat = _flatten(old), _flatten(new)
    different = [
        f"{key} was {old_flat[key]!r} and is {new_flat[key]!r}"
        for key in sorted(new_flat)
        if old_flat[key] != new_flat[key]
        and not key.startswith(_CHANGEABLE)
        # The file of weights may have moved, but random filters are another loss.
        and not (key == "loss.feature_weights" and "random" not in (old_flat[key], new_flat[key]))
    ]
    if different:
        raise UserError(
            f"the workdir holds checkpoints of another config ({'; '.join(different)}): "
            "take another workdir, or that config"
        )


def _check_keys_and_types(settings: Mapping[str, Any]) -> None:
    """Raises UserError unless the keys and types are those of `default_config`."""
    expected = _flatten(default_config())
    for key in settings:
        require_key(key)
    for key in expected.keys() - settings.keys():
        raise UserError(f"config.{key} is missing: start from s2c_jax.config.default_config()")
    for key, value in settings.items():
        kind = type(expected[key])
        fits = isinstance(value, (int, float) if kind is float else kind)
        _require(fits, settings, key, f"it must be of type {kind.__name__}")
        finite = not isinstance(value, float) or math.isfinite(value)
        _require(finite, settings, key, "it must be finite")


def _check_values(settings: Mapping[str, Any]) -> None:
    """Raises UserError unless each number lies in its range and each choice is in `CHOICES`."""
    for key in _AT_LEAST_1:
        _require(settings[key] >= 1, settings, key, "it must be at least 1")
    for key in _NOT_NEGATIVE:
        _require(settings[key] >= 0, settings, key, "it must not be negative")
    for key in _BELOW_1:
        _require(0 <= settings[key] < 1, settings, key, "it must lie in [0, 1)")
    key = "optimizer.learning_rate"
    _require(settings[key] > 0, settings, key, "it must be positive")
    key = "loss.real_label"
    _require(0 < settings[key] <= 1, settings, key, "it must lie in (0, 1]")
    for key in ("augmentation.redraw", "augmentation.recolor"):
        _require(0 <= settings[key] <= 1, settings, key, "it must lie in [0, 1]")
    key = "augmentation.hands"
    known = ", ".join(HANDS)
    _require(set(settings[key]) <= set(HANDS), settings, key, f"there are the hands {known}")
    for key, choices in CHOICES.items():
        listed = " or ".join(f'"{choice}"' for choice in choices)
        _require(settings[key] in choices, settings, key, f"it must be {listed}")


def _check_sizes(settings: Mapping[str, Any], num_devices: int) -> None:
    """Raises UserError unless the picture and the batch divide as the networks and devices need."""
    for key in ("generator.channels", "discriminator.channels"):
        sizes = settings[key]
        fits = len(sizes) >= 2 and all(isinstance(size, int) and size >= 1 for size in sizes)
        _require(fits, settings, key, "it must be two or more positive whole numbers")
    _require(
        settings["batch_size"] % num_devices == 0,
        settings,
        "batch_size",
        f"the {num_devices} devices do not divide it; take a multiple of {num_devices}",
    )
    side = settings["image_size"]
    halvings = len(settings["generator.channels"])
    _require(
        side % 2**halvings == 0,
        settings,
        "image_size",
        f"the generator halves it {halvings} times, once for each of generator.channels; "
        f"take a multiple of {2**halvings} or fewer channels",
    )
    halvings = len(settings["discriminator.channels"])
    _require(
        side % 2**halvings == 0 and side // 2**halvings >= _MIN_LAST_SIDE,
        settings,
        "image_size",
        f"the discriminator halves it {halvings} times, once for each of discriminator.channels, "
        f"and needs {_MIN_LAST_SIDE} pixels then; take a multiple of {2**halvings} from "
        f"{_MIN_LAST_SIDE * 2**halvings} on",
    )


def _require(condition: bool, settings: Mapping[str, Any], key: str, requirement: str) -> None:
    """Raises UserError with the key, its value and the requirement unless the condition holds."""
    if not condition:
        raise UserError(f"config.{key} is {settings[key]!r}: {requirement}")


def _require_keys_of_this_version(
    path: Path, settings: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    """Raises UserError for unknown keys of a file, and for missing ones unless a run may change."""
    if settings.keys().isdisjoint(expected):
        raise UserError(f"{path} does not hold a run's settings: it has none of their keys")
    # Do not fill in a missing key's default: the run may have been trained with another value.
    missing = [
        key
        for key in expected.keys() - settings.keys() - _ADDED.keys()
        if not key.startswith(_CHANGEABLE)
    ]
    different = {"missing": missing, "unknown": settings.keys() - expected.keys()}
    problems = [f"{kind}: {', '.join(sorted(keys))}" for kind, keys in different.items() if keys]
    if problems:
        raise UserError(
            f"{path} is of another version of s2c_jax ({'; '.join(problems)}): "
            "add the values with which the run was trained, and remove the unknown keys"
        )


def _flatten(config: ml_collections.ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Returns the settings by their whole keys, such as "loss.pixel"."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _with_tuples(value: object) -> object:
    """Returns a JSON value with tuples, which settings have and JSON lacks, instead of lists."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
