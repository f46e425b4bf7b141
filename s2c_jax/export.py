"""Carries a run's generator to where s2c_jax is not.

python -m s2c_jax.export --workdir runs/openmoji --format onnx openmoji.onnx
python -m s2c_jax.export --workdir runs/openmoji --format stablehlo openmoji.stablehlo
python -m s2c_jax.export --workdir runs/openmoji --format html openmoji.html

The first two files hold the network with its parameters, for any number of sketches of any height
and width that it can halve often enough; the third is a page that colours in the browser alone.
"""

import argparse
import base64
import gzip
import importlib.metadata
import json
import logging
import re
import sys
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from s2c_jax import files
from s2c_jax.errors import UserError
from s2c_jax.inference import TrainedGenerator, load_generator, step_argument
from s2c_jax.models import layers
from s2c_jax.models.generator import Generator

# Of JAX's names: what a StableHLO file runs on.
PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
_RUNTIME_URL = "https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
_RUNTIME_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
_PAGE = Path(__file__).parent / "page"
# Old enough for every ONNX Runtime since 1.14.
_OPSET = 18


def to_onnx(generator: Generator, variables: PyTree) -> Any:
    """Converts a generator to ONNX.

    Args:
        generator: the network.
        variables: its variables.

    Returns:
        An `onnx.ModelProto` whose inputs and output are named and shaped as `inputs` says, and
        "color".

    Raises:
        UserError: the packages that it needs are not installed.
    """
    try:
        import jax2onnx  # type: ignore[import-untyped]
    except ImportError:
        raise UserError("ONNX needs the package jax2onnx: pip install 's2c_jax[export]'") from None
    names, shapes = zip(*inputs(generator).items(), strict=True)
    # It warns of shapes that it cannot tell, which nothing needs.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    with layers.plain_convolutions():
        return jax2onnx.to_onnx(
            _inference(generator, variables),
            shapes,
            model_name="s2c_jax",
            opset=_OPSET,
            input_names=names,
            output_names=["color"],
        )


def to_stablehlo(generator: Generator, variables: PyTree) -> jax.export.Exported:
    """Converts a generator to StableHLO, which JAX runs without this package.

    Args:
        generator: the network.
        variables: its variables.

    Returns:
        A function of the `inputs`, in their order, for all of `PLATFORMS`.
    """
    scope = jax.export.SymbolicScope()
    arguments = [
        jax.ShapeDtypeStruct(
            jax.export.symbolic_shape(", ".join(map(str, shape)), scope=scope), np.float32
        )
        for shape in inputs(generator).values()
    ]
    function = jax.jit(_inference(generator, variables))
    return jax.export.export(function, platforms=PLATFORMS)(*arguments)


def inputs(generator: Generator) -> dict[str, tuple[int | str, ...]]:
    """Returns the names of what a generator takes, and their shapes with names for free sizes."""
    multiple = 2 ** len(generator.channels)
    sides = ("batch", f"{multiple}*height", f"{multiple}*width")
    found: dict[str, tuple[int | str, ...]] = {"sketch": (*sides, 3)}
    if generator.hints:
        found["hints"] = (*sides, 4)
    if generator.palette:
        found["palette"] = ("batch", 4, 4, 4)
    return found


def _inference(generator: Generator, variables: PyTree) -> Callable[..., Array]:
    names, variables = list(inputs(generator)), jax.tree.map(jnp.asarray, variables)

    def color(sketch: Array, *guidance: Array) -> Array:
        said = dict(zip(names[1:], guidance, strict=True))
        colored = generator.apply(
            variables, sketch, said.get("hints"), said.get("palette"), train=False
        )
        return jnp.asarray(colored)

    return color


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
        **{name: said[name] for name in (*inputs(generator), "color")},
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


def to_html(model: bytes, said: dict[str, str]) -> str:
    """Returns a page that colours without a server: the network, and what runs it, are in it.

    Args:
        model: the ONNX file.
        said: from `metadata`.

    Raises:
        UserError: ONNX Runtime Web cannot be fetched, or the package that fetches it is not
            installed.
    """
    runtime, wasm = _onnx_runtime_web()
    # A licence must not end the script that it stands in.
    about = json.dumps(said).replace("<", "\\u003c")
    parts = {
        "about": about,
        "model": _packed(model),
        "runtime": _packed(runtime),
        "wasm": _packed(wasm),
        "compositing": (_PAGE / "compositing.js").read_text(),
        "page": (_PAGE / "page.js").read_text(),
    }
    template = (_PAGE / "index.html").read_text()
    return re.sub(r"{{(\w+)}}", lambda found: parts[found[1]], template)


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def _onnx_runtime_web() -> tuple[bytes, bytes]:
    """Returns ONNX Runtime Web's program and what it compiles to, fetched once."""
    try:
        import pooch
    except ImportError:
        raise UserError("HTML needs the package pooch: pip install 's2c_jax[export]'") from None
    pooch.get_logger().setLevel("WARNING")
    try:
        file = pooch.retrieve(_RUNTIME_URL, f"sha256:{_RUNTIME_SHA256}")
    except (OSError, ValueError) as error:
        raise UserError(f"ONNX Runtime Web cannot be fetched: {error}") from None
    names = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
    with tarfile.open(file) as archive:
        found = [archive.extractfile(f"package/dist/{name}") for name in names]
        program, compiled = (part.read() for part in found if part)
    return program, compiled


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the flags and exports.

    Args:
        arguments: the command line behind the program's name; None is the process's own.
    """
    parser = argparse.ArgumentParser("python -m s2c_jax.export", description=__doc__)
    parser.add_argument("output", type=Path, metavar="FILE")
    parser.add_argument("--workdir", type=Path, required=True, help="of the training run")
    parser.add_argument("--format", choices=("onnx", "stablehlo", "html"), required=True)
    parser.add_argument("--step", type=step_argument, default="last",
                        help="which checkpoint: its step, last (the default) or best")  # fmt: skip
    parser.add_argument("--licence", metavar="TEXT",
                        help="what the file says of it; without, what the data set "
                        "states")  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    flags = parser.parse_args(arguments)
    try:
        if flags.output.exists() and not flags.overwrite:
            raise UserError(f"{flags.output}: exists already; --overwrite replaces it")
        if flags.output.is_dir() or not flags.output.parent.is_dir():
            raise UserError(
                f"{flags.output}: cannot be written (there is no such place for a file)"
            )
        trained = load_generator(flags.workdir, flags.step)
        dataset = trained.config.dataset.name
        licence = flags.licence or licence_of(dataset, trained.config.image_size)
        said = metadata(trained, licence)
        if flags.format != "stablehlo":
            data = encode_onnx(to_onnx(trained.generator, trained.variables), said)
            if flags.format == "html":
                data = to_html(data, said).encode()
        else:
            data = bytes(to_stablehlo(trained.generator, trained.variables).serialize())
        try:
            files.write_whole(flags.output, data)
        except OSError as error:
            raise UserError(
                f"{flags.output}: cannot be written ({error.strerror or error})"
            ) from None
    except UserError as error:
        sys.exit(f"s2c_jax: {error}")
    for name, text in said.items():
        print(f"{name}: {text}")
    print(f"{flags.output}: {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
