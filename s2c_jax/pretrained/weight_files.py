"""The files that frozen networks come from: read whole and checked, or refused in one line."""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from s2c_jax.errors import UserError

# `map_location` is "cpu": some published files name the GPU that they were saved from.
_CONVERT = (
    'python -c "import sys, torch, safetensors.torch as s; s.save_file({k: v.contiguous() '
    "for k, v in torch.load(sys.argv[1], 'cpu', weights_only=True).items()}, sys.argv[2])\""
)


class ConvWeights(NamedTuple):
    """A frozen convolution: kernel (height, width, in, out) and bias (out,), float32."""

    kernel: Float[np.ndarray, "height width in out"]
    bias: Float[np.ndarray, " out"]


def kind(path: Path) -> str:
    """Returns what a file is by its first bytes: HDF5, safetensors, pickle (PyTorch's) or unknown.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(9)
    # The header's length in eight bytes, which may look like anything, then the header, JSON.
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return "safetensors"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    # PyTorch's own files: an archive with a pickle in it, or, until 2020, a bare one.
    if start.startswith((b"PK", b"\x80\x02")):
        return "pickle"
    return "unknown"


@contextlib.contextmanager
def reading(path: Path, content: str) -> Iterator[None]:
    """Turns whatever reading a weight file raises into a `UserError`.

    Args:
        path: the file.
        content: what the file should hold.
    """
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"there is no file {str(path)!r}") from None
    except ImportError as error:
        raise UserError(
            f"this needs the package {error.name}: pip install 's2c_jax[vgg]'"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error})") from None
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # What h5py and safetensors raise depends on where a file is damaged.
        raise UserError(f"{path} does not hold {content} ({error})") from None


def read_safetensors(
    file: str | Path, content: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Returns tensors of a safetensors file as float32.

    Args:
        file: the file's path; "~" is the home folder.
        content: see `reading`.
        shapes: the names of the tensors that are read, and the shapes that they must have. Others
            may be in the file.

    Raises:
        UserError: the file is not there, is of another kind, is damaged, lacks a tensor or holds
            another shape, or a package is missing.
    """
    path = Path(os.path.expanduser(file))
    with reading(path, content):
        found = kind(path)
        if found == "pickle":
            target = shlex.quote(str(path.with_suffix(".safetensors")))
            raise UserError(
                f"{path} is a pickle of PyTorch's: give the safetensors file that this "
                f"makes of it: {_CONVERT} {shlex.quote(str(path))} {target}"
            )
        if found != "safetensors":
            what = "HDF5" if found == "HDF5" else "no safetensors file"
            raise UserError(f"{path} is {what}: give {content} as safetensors")
        return _tensors(path, shapes)


def _tensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    import safetensors

    tensors = {}
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            names = set(file.keys())
            for name, expected in shapes.items():
                if name not in names:
                    raise ValueError(f"there is no {name}")
                tensor = np.asarray(file.get_tensor(name), np.float32)
                if tensor.shape != expected:
                    raise ValueError(f"{name} has shape {tensor.shape}, not {expected}")
                tensors[name] = tensor
    except safetensors.SafetensorError as error:
        raise ValueError(str(error)) from None
    return tensors


def torch_kernel(kernel: Float[np.ndarray, "out in height width"]) -> Float[np.ndarray, "..."]:
    """Returns PyTorch's kernel in the order of `Conv`."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
