"""Exports a web page that colours sketches in the browser, without a server."""

import base64
import gzip
import json
import re
import tarfile
from pathlib import Path

from s2c_jax.drawing import compositing, image_files, palette, preparation, regions
from s2c_jax.errors import UserError, needs

# ONNX Runtime Web, from npm.
_RUNTIME_URL = "https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-1.30.0.tgz"
_RUNTIME_SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
# The template, and the scripts that it includes.
_PAGE = Path(__file__).parent / "page"
# Constants of the package that the scripts use by the same names.
_CONSTANTS = {
    image_files: ("MAX_FILE_BYTES", "MAX_PIXELS"),
    palette: ("BANDS", "COLORS"),
    preparation: ("LINE_LEVEL", "LARGE_SCALE", "THIN_LINE", "BOLD_LINE", "MAX_BOLD_COVERAGE"),
    regions: (
        "MIN_LINE_FREE_FRACTION", "SHARED_CELL_EXPONENT", "LINE_OPACITY", "LINE_RIM", "MIN_WEIGHT",
    ),
    compositing: (
        "PAPER_PERCENTILE", "MIN_PAPER_TONE", "LUMA_WEIGHTS", "MIN_INK_OPACITY", "WHITE_LEVEL",
        "BLUR_RADII", "MIN_BLURRED_ALPHA",
    ),
}  # fmt: skip


def to_html(model: bytes, entries: dict[str, str]) -> str:
    """Returns a page that holds an ONNX file, its metadata, and ONNX Runtime Web, which runs it.

    Raises:
        UserError: ONNX Runtime Web cannot be fetched, or the package that fetches it is missing.
    """
    program, wasm = _onnx_runtime_web()
    parts = {
        # Escape "<": a licence may hold "</script>", which would end the element around it.
        "metadata": json.dumps(entries).replace("<", "\\u003c"),
        "constants": _constants(),
        "model": _pack(model),
        "runtime": _pack(program),
        "wasm": _pack(wasm),
        **{script.stem: script.read_text() for script in _PAGE.glob("*.js")},
    }
    template = (_PAGE / "index.html").read_text()
    return re.sub(r"{{(\w+)}}", lambda match: parts[match[1]], template)


def _constants() -> str:
    """Returns JavaScript that defines the constants of `_CONSTANTS`."""
    return "\n".join(
        f"const {name} = {json.dumps(getattr(module, name))};"
        for module, names in _CONSTANTS.items()
        for name in names
    )


def _pack(data: bytes) -> str:
    """Compresses data and encodes it as text that HTML can hold."""
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def _onnx_runtime_web() -> tuple[bytes, bytes]:
    """Returns ONNX Runtime Web's JavaScript and WebAssembly, from npm or from pooch's cache."""
    with needs("export", "HTML"):
        import pooch
    # Its progress messages would mix with the metadata that the command prints.
    pooch.get_logger().setLevel("WARNING")
    try:
        file = pooch.retrieve(_RUNTIME_URL, f"sha256:{_RUNTIME_SHA256}")
    except (OSError, ValueError) as error:
        raise UserError(f"ONNX Runtime Web cannot be fetched: {error}") from None
    names = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
    with tarfile.open(file) as archive:
        members = [archive.extractfile(f"package/dist/{name}") for name in names]
        program, wasm = (member.read() for member in members if member)
    return program, wasm
