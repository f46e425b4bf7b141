"""Reads and checks the weight files of frozen networks."""

import contextlib
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from s2c_jax.errors import UserError, needs

FileKind = Literal["HDF5", "safetensors", "pickle", "unknown"]

# Converts a pickle of PyTorch. torch.load gets "cpu" because some published files name the GPU that
# they were saved from.
_CONVERT = (
    'python -c "import sys, torch, safetensors.torch as s; s.save_file({k: v.contiguous() '
    "for k, v in torch.load(sys.argv[1], 'cpu', weights_only=True).items()}, sys.argv[2])\""
)


class ConvWeights(NamedTuple):
    """A frozen convolution: kernel (height, width, in, out) and bias (out,), float32."""

    kernel: Float[np.ndarray, "height width in out"]
    bias: Float[np.ndarray, " out"]

    def convolve(
        self,
        x: Float[Array, "batch rows columns in"],
        stride: int,
        padding: str,
        dtype: DTypeLike = jnp.float32,
    ) -> Float[Array, "batch new_rows new_columns out"]:
        """Convolves x and adds the bias, in `dtype`; `padding` is "SAME" or "VALID".

        On CPUs, too, this is XLA's convolution. The kernel is frozen, and XLA computes the gradient
        of x fast if the stride is 1. Patches would need nine times the memory of x.
        """
        y = lax.conv_general_dilated(
            x,
            jnp.asarray(self.kernel, dtype),
            (stride, stride),
            padding,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y + jnp.asarray(self.bias, dtype)


def read_safetensors(
    file: str | Path, content: str, shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, Float[np.ndarray, "..."]]:
    """Reads tensors of a safetensors file as float32.

    Args:
        file: the file's path; "~" is the home folder.
        content: what the file should hold, for error messages.
        shapes: the names and shapes of the tensors to read. The file may hold others.

    Raises:
        UserError: the file is missing, is of another kind, is damaged, lacks a tensor or holds
            another shape, or the package safetensors is missing.
    """
    path = Path(os.path.expanduser(file))
    with reading(path, content):
        kind = file_kind(path)
        if kind == "pickle":
            source, target = (shlex.quote(str(p)) for p in (path, path.with_suffix(".safetensors")))
            raise UserError(
                f"{path} is a pickle of PyTorch: convert the file to safetensors and give that, "
                f"with: {_CONVERT} {source} {target}"
            )
        if kind != "safetensors":
            found = "HDF5" if kind == "HDF5" else "no safetensors file"
            raise UserError(f"{path} is {found}: give {content} as safetensors")
        import safetensors

        tensors = {}
        try:
            with safetensors.safe_open(path, framework="numpy") as opened:
                names = set(opened.keys())
                for name, expected in shapes.items():
                    if name not in names:
                        raise ValueError(f"there is no {name}")
                    tensors[name] = np.asarray(opened.get_tensor(name), np.float32)
                    if tensors[name].shape != expected:
                        shape = tensors[name].shape
                        raise ValueError(f"{name} has shape {shape}, not {expected}")
        except safetensors.SafetensorError as error:
            raise ValueError(str(error)) from None
        return tensors


@contextlib.contextmanager
def reading(path: Path, content: str) -> Iterator[None]:
    """Turns the errors of reading a weight file that should hold `content` into `UserError`."""
    try:
        with needs("vgg", "this"):
            yield
    except FileNotFoundError:
        raise UserError(f"there is no file {str(path)!r}") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error})") from None
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        # h5py and safetensors raise different errors depending on where a file is damaged.
        raise UserError(f"{path} does not hold {content} ({error})") from None


def file_kind(path: Path) -> FileKind:
    """Returns a file's kind by its first bytes; "pickle" is a file of PyTorch."""
    with path.open("rb") as file:
        start = file.read(9)
    # safetensors: the header's length in eight bytes, which can be any bytes, then JSON.
    if start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size:
        return "safetensors"
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    # PyTorch: a zip archive that contains a pickle; until 2020, a bare pickle.
    if start.startswith((b"PK", b"\x80\x02")):
        return "pickle"
    return "unknown"


def convert_torch_kernel(
    kernel: Float[np.ndarray, "out in height width"],
) -> Float[np.ndarray, "height width in out"]:
    """Returns a kernel of PyTorch in the axis order of `ConvWeights`."""
    return np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
