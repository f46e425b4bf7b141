"""Metadata of exported files: all that is needed to use the network without this package."""

import importlib.metadata
from typing import TYPE_CHECKING

from s2c_jax.errors import UserError
from s2c_jax.inference.generate import network_inputs
from s2c_jax.inference.load import TrainedGenerator

if TYPE_CHECKING:
    import onnx

_SIGNATURE = {
    "sketch": "float32, batch x height x width x RGB, in [-1, 1]: level / 127.5 - 1; "
    "height and width are multiples of {multiple}, and it was trained at {image_size} px",
    "hints": "float32, like the sketch but of four channels: (level / 127.5 - 1) * alpha, and "
    "alpha in [0, 1]; zeros where there is no hint",
    "palette": "float32, batch x band x colour x RGBA, coded like hints: up to four colours "
    "for each quarter of the height, from top to bottom; zeros where there is no colour",
    "color": "float32, batch x height x width x RGB, in [-1, 1]: level = (color + 1) * 127.5",
}


def metadata(trained: TrainedGenerator, licence: str) -> dict[str, str]:
    """Returns the metadata of an exported file: its inputs, its output and its origin.

    The licence is that of the pictures that the generator was trained on.
    """
    generator, image_size = trained.generator, trained.config.image_size
    multiple = 2 ** len(generator.channels)
    signature = {
        name: _SIGNATURE[name].format(multiple=multiple, image_size=image_size)
        for name in (*network_inputs(generator), "color")
    }
    return {
        **signature,
        "image_size": str(image_size),
        "step": str(trained.step),
        "trained_on": trained.config.dataset.name,
        "license": licence,
        "producer": f"s2c_jax {importlib.metadata.version('s2c_jax')}",
    }


def encode_onnx(model: "onnx.ModelProto", entries: dict[str, str]) -> bytes:
    """Adds the metadata to a model of `to_onnx`, and returns the content of an ONNX file."""
    for key, text in entries.items():
        model.metadata_props.add(key=key, value=text)
    return model.SerializeToString()


def licence_of(dataset: str, image_size: int) -> str:
    """Returns the licence that a TFDS data set states, or a remark that it states none."""
    from s2c_jax.datasets.builders import find_builder

    try:
        stated = find_builder(dataset, image_size).info.redistribution_info.license
    except UserError:
        stated = ""
    return stated or f"of what it was trained on, {dataset}: not stated"
