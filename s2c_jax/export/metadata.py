"""What somebody has to know who has nothing but the exported file."""

import importlib.metadata
from typing import Any

from s2c_jax.inference.load import TrainedGenerator
from s2c_jax.inference.onnx_backend import network_inputs


def metadata(trained: TrainedGenerator, licence: str) -> dict[str, str]:
    """Returns what somebody has to know who has nothing but the file.

    Args:
        trained: the generator.
        licence: of the pictures that it was trained on.
    """
    generator, size = trained.generator, trained.config.image_size
    multiple = 2 ** len(generator.channels)
    said = {
        "sketch": "float32, batch x height x width x RGB, in [-1, 1]: level / 127.5 - 1; "
        f"height and width are multiples of {multiple}, and it was trained at {size} px",
        "hints": "float32, like the sketch but of four channels: (level / 127.5 - 1) * alpha, and "
        "alpha in [0, 1]; zeros where nothing is said",
        "palette": "float32, batch x band x colour x RGBA, coded like hints: up to four colours "
        "for each quarter of the height, from top to bottom; zeros where nothing is said",
        "color": "float32, batch x height x width x RGB, in [-1, 1]: level = (color + 1) * 127.5",
    }
    return {
        **{name: said[name] for name in (*network_inputs(generator), "color")},
        "image_size": str(size),
        "step": str(trained.step),
        "trained_on": trained.config.dataset.name,
        "license": licence,
        "producer": f"s2c_jax {importlib.metadata.version('s2c_jax')}",
    }


def encode_onnx(model: Any, said: dict[str, str]) -> bytes:
    """Returns the content of an ONNX file.

    Args:
        model: from `to_onnx`.
        said: from `metadata`.
    """
    for key, value in said.items():
        model.metadata_props.add(key=key, value=value)
    return model.SerializeToString()


def licence_of(dataset: str, image_size: int) -> str:
    """Returns the licence that a data set states, or that it states none.

    Args:
        dataset: a TFDS builder.
        image_size: its config.
    """
    import tensorflow_datasets as tfds

    # Makes its builders known.
    import s2c_jax.datasets  # noqa: F401

    try:
        stated = tfds.builder(f"{dataset}/{image_size}").info.redistribution_info.license
    except tfds.core.DatasetNotFoundError:
        stated = ""
    return stated or f"of what it was trained on, {dataset}: not stated"
