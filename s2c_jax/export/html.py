"""A page that colours in the browser alone."""

import base64
import gzip
import json
import re
import tarfile
from pathlib import Path

from s2c_jax.errors import UserError

_RUNTIME_URL = "https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"


_RUNTIME_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"


_PAGE = Path(__file__).parent / "page"


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
