"""A run's settings, the checks on them, and their file in a workdir.

`default_config` is the one list of all keys: the article's values, but where
experiments/quality/README.md found better ones. Each file in configs/ changes a few of them, and
configs/sketch2color.py has all of the article's.
"""

import difflib
import json
import math
from pathlib import Path
from typing import Any

import ml_collections

from s2c_jax import files
from s2c_jax.errors import UserError

# What a run may change between one start and the next without becoming another run.
_CHANGEABLE = (
    "num_epochs", "max_steps", "precision", "dataset.data_dir", "dataset.num_threads",
    "optimizer.skip_not_finite", "validation.", "checkpoint.",
)  # fmt: skip

# The values that a key takes. A test compares them with the types of the modules that take them.
CHOICES = {
    "precision": ("float32", "bfloat16"),
    "generator.upsampling": ("transposed", "resize"),
    "discriminator.pooling": ("mean", "none"),
}


def default_config() -> ml_collections.ConfigDict:
    """Returns the settings, locked: a key that is not here cannot be set."""
    config = ml_collections.ConfigDict()

    # Where initial weights, the order of the data, augmentation and dropout come from.
    config.seed = 0
    # The pictures' side in pixels: a multiple of 2 ** len(generator.channels).
    config.image_size = 512
    # Pairs a step, over all devices together.
    config.batch_size = 8
    config.num_epochs = 43
    # What the networks compute in while training, "float32" or "bfloat16"; parameters, statistics
    # and losses are float32.
    config.precision = "float32"
    # Stop after this many steps, even within an epoch; 0 is no limit.
    config.max_steps = 0

    config.dataset = dataset = ml_collections.ConfigDict()
    # A TFDS builder of s2c_jax.datasets (or your own, imported by your config file).
    dataset.name = "anime_sketch_colorization"
    # Where TFDS keeps prepared data; "" is TFDS's own default, ~/tensorflow_datasets.
    dataset.data_dir = ""
    # Threads that read and decode pairs.
    dataset.num_threads = 4

    config.augmentation = augmentation = ml_collections.ConfigDict()
    # Flip half of the pairs left to right.
    augmentation.mirror = True
    # Enlarge pairs by a random factor of up to 1 + jitter and cut out a random window; 0 is off.
    augmentation.jitter = 0.0

    config.generator = generator = ml_collections.ConfigDict()
    # The encoder's channels; the last entry is the bottleneck, the length the number of halvings.
    generator.channels = (64, 128, 256, 512, 512, 512, 512, 512)
    # The share of activations that dropout zeroes in training: the noise z.
    generator.dropout_rate = 0.5
    # Decoder layers with dropout, counted from the bottleneck.
    generator.dropout_layers = 3
    # How the decoder doubles the side: "transposed" convolution, or "resize" and convolve.
    generator.upsampling = "resize"
    # Whether it takes hints: which colour goes where. Training simulates them from the truth.
    generator.hints = False
    # Whether it takes a palette: which colours there are.
    generator.palette = False

    config.discriminator = discriminator = ml_collections.ConfigDict()
    # The stride-2 convolutions' channels.
    discriminator.channels = (64, 128, 256, 512)
    # "mean": one probability a pair, the average over the patches; "none": one a patch.
    discriminator.pooling = "mean"
    # The discriminator is updated on the last of every this many batches.
    discriminator.update_every = 2

    config.loss = loss = ml_collections.ConfigDict()
    # Weights of the generator's losses.
    loss.adversarial = 0.2
    loss.pixel = 100.0
    loss.feature = 0.01
    loss.total_variation = 0.0001
    # Of a generator that takes palettes: coloured pixels are drawn to the palette's colours.
    loss.palette = 200.0
    # The discriminator's label of a real pair: one-sided label smoothing.
    loss.real_label = 0.9
    # Where VGG16's weights come from if loss.feature is not 0: a file of Keras or torchvision,
    # "download" for Keras's, or "random" for a stand-in that needs no file and has learned nothing.
    loss.feature_weights = "download"

    config.optimizer = optimizer = ml_collections.ConfigDict()
    # Adam's settings, for both networks.
    optimizer.learning_rate = 0.001
    optimizer.beta1 = 0.5
    optimizer.beta2 = 0.999
    # The generator that colours is an exponential moving average of the trained one with this
    # decay a step; 0 is the trained one itself.
    optimizer.ema_decay = 0.995
    # Whether a network's update whose gradient is not finite is left out, and the step counted, or
    # training ends.
    optimizer.skip_not_finite = False

    config.validation = validation = ml_collections.ConfigDict()
    # Validation sketches that are coloured after every epoch to be looked at.
    validation.num_samples = 24
    # Epochs between measurements of the validation pairs; every checkpoint has one.
    validation.every_epochs = 1
    # Validation pairs that are measured, from the first on.
    validation.num_pairs = 256

    config.checkpoint = checkpoint = ml_collections.ConfigDict()
    # Epochs between checkpoints; the last epoch always has one.
    checkpoint.every_epochs = 1
    # How many of the last checkpoints are kept; the best one is kept beside them.
    checkpoint.keep = 3

    return config.lock()


def enable_guidance(config: ml_collections.ConfigDict, variant: str) -> ml_collections.ConfigDict:
    """Applies the variant of a config file, which stands behind a colon: configs/openmoji.py:hints.

    Args:
        config: the settings, which are changed.
        variant: "" changes nothing; "hints" lets the generator take hints and palettes.

    Returns:
        The settings.

    Raises:
        UserError: there is no such variant.
    """
    if variant not in ("", "hints"):
        raise UserError(f"--config: there is no variant {variant!r}, but 'hints'")
    config.generator.hints = config.generator.palette = variant == "hints"
    return config


def require_key(key: str) -> None:
    """Checks that there is a setting `key`, such as "loss.pixel".

    Raises:
        UserError: there is none; it names the nearest.
    """
    keys = _flatten(default_config()).keys()
    if key not in keys:
        near = difflib.get_close_matches(key, keys, n=1, cutoff=0.4)
        raise UserError(
            f"config.{key}: no such key" + (f"; did you mean config.{near[0]}?" if near else "")
        )


def validate(config: ml_collections.ConfigDict, num_devices: int) -> None:
    """Checks settings before anything is built.

    Args:
        config: from `default_config`, changed.
        num_devices: how many devices a batch is spread over.

    Raises:
        UserError: naming the key, its value and what it may be.
    """
    expected, given = _flatten(default_config()), _flatten(config)
    for key in given:
        require_key(key)
    for key in expected.keys() - given.keys():
        raise UserError(f"config.{key} is missing: start from s2c_jax.config.default_config()")

    def require(condition: bool, key: str, what: str) -> None:
        if not condition:
            raise UserError(f"config.{key} is {given[key]!r}: {what}")

    for key, value in given.items():
        kind = type(expected[key])
        fits = isinstance(value, (int, float) if kind is float else kind)
        require(fits, key, f"it must be of type {kind.__name__}")
        require(not isinstance(value, float) or math.isfinite(value), key, "it must be finite")
    for key in ("batch_size", "num_epochs", "image_size", "dataset.num_threads",
                "discriminator.update_every", "validation.num_samples", "validation.every_epochs",
                "validation.num_pairs",
                "checkpoint.every_epochs", "checkpoint.keep"):  # fmt: skip
        require(given[key] >= 1, key, "it must be at least 1")
    for key in ("seed", "max_steps", "augmentation.jitter", "generator.dropout_layers",
                "loss.adversarial", "loss.pixel", "loss.feature",
                "loss.total_variation", "loss.palette"):  # fmt: skip
        require(given[key] >= 0, key, "it must not be negative")
    for key, kinds in CHOICES.items():
        require(
            given[key] in kinds, key, "it must be " + " or ".join(f'"{kind}"' for kind in kinds)
        )
    for key in ("generator.dropout_rate", "optimizer.beta1", "optimizer.beta2",
                "optimizer.ema_decay"):  # fmt: skip
        require(0 <= given[key] < 1, key, "it must lie in [0, 1)")
    require(given["optimizer.learning_rate"] > 0, "optimizer.learning_rate", "it must be positive")
    require(0 < given["loss.real_label"] <= 1, "loss.real_label", "it must lie in (0, 1]")
    for key in ("generator.channels", "discriminator.channels"):
        sizes = given[key]
        require(
            len(sizes) >= 2 and all(isinstance(size, int) and size >= 1 for size in sizes),
            key,
            "it must be two or more positive whole numbers",
        )
    require(
        given["batch_size"] % num_devices == 0,
        "batch_size",
        f"the {num_devices} devices do not divide it; take a multiple of {num_devices}",
    )
    halvings = len(given["generator.channels"])
    require(
        given["image_size"] % 2**halvings == 0,
        "image_size",
        f"the generator halves it {halvings} times, once for each of generator.channels; "
        f"take a multiple of {2**halvings} or fewer channels",
    )
    halvings = len(given["discriminator.channels"])
    require(
        given["image_size"] % 2**halvings == 0 and given["image_size"] // 2**halvings >= 3,
        "image_size",
        f"the discriminator halves it {halvings} times, once for each of discriminator.channels, "
        f"and needs 3 pixels then; take a multiple of {2**halvings} from {3 * 2**halvings} on",
    )


def save(config: ml_collections.ConfigDict, path: Path) -> None:
    """Writes the settings as JSON: the file is the old one or the new one, never half of it."""
    files.write_whole(path, (json.dumps(config.to_dict(), indent=2) + "\n").encode())


def load(path: Path) -> ml_collections.ConfigDict:
    """Reads settings that `save` wrote.

    Raises:
        UserError: the file is missing, or does not hold the settings of this version: each one but
            those that a run may change, and no other.
    """
    config = default_config()
    try:
        settings = ml_collections.ConfigDict(_with_tuples(json.loads(path.read_text())))
        given, expected = _flatten(settings).keys(), _flatten(config).keys()
        if given.isdisjoint(expected):
            raise UserError(f"{path} does not hold a run's settings: it has none of their keys")
        different = {
            # The default in its place could be another value than the run was trained with.
            "missing": {key for key in expected - given if not key.startswith(_CHANGEABLE)},
            "unknown": given - expected,
        }
        problems = [
            f"{kind}: {', '.join(sorted(keys))}" for kind, keys in different.items() if keys
        ]
        if problems:
            raise UserError(
                f"{path} is of another version of s2c_jax ({'; '.join(problems)}): "
                "add what the run was trained with, take out the unknown"
            )
        config.update(settings)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}): is its folder the workdir of a run?"
        ) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not hold a run's settings ({error})") from None
    return config


def require_same_run(old: ml_collections.ConfigDict, new: ml_collections.ConfigDict) -> None:
    """Checks that a run with settings `old` can be gone on with under settings `new`.

    Raises:
        UserError: naming the keys in which they differ.
    """
    old_flat, new_flat = _flatten(old), _flatten(new)
    different = [
        f"{key} was {old_flat[key]!r} and is {new_flat[key]!r}"
        for key in sorted(new_flat)
        if old_flat[key] != new_flat[key]
        and not key.startswith(_CHANGEABLE)
        # The file may have moved, but random filters are another loss.
        and not (key == "loss.feature_weights" and "random" not in (old_flat[key], new_flat[key]))
    ]
    if different:
        raise UserError(
            f"the workdir holds checkpoints of another config ({'; '.join(different)}): "
            "take another --workdir, or that config"
        )


def _flatten(config: ml_collections.ConfigDict, prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _with_tuples(value: object) -> object:
    """JSON knows lists only; settings are tuples."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value
