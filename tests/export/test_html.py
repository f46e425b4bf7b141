"""The exported page; tests/browser runs it in Chromium."""

import base64
import gzip
import json
import re

import pytest

from s2c_jax.drawing import compositing, image_files
from s2c_jax.export import html


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(html, "_onnx_runtime_web", lambda: (b"program", b"wasm"))
    return html.to_html(b"model", {"license": "</script><b>mine</b>"})


def element(page, name):
    return re.search(rf'<script [^>]*id="{name}">(.*?)</script>', page)[1]


def test_page_holds_the_network_and_what_runs_it(page):
    for name, content in (("model", b"model"), ("runtime", b"program"), ("wasm", b"wasm")):
        assert gzip.decompress(base64.b64decode(element(page, name))) == content
    assert "{{" not in page


def test_markup_in_metadata_does_not_end_its_element(page):
    assert json.loads(element(page, "metadata")) == {"license": "</script><b>mine</b>"}


def test_scripts_define_every_constant_that_they_use(page):
    script = re.search(r'<script type="module">(.*)</script>', page, re.DOTALL)[1]
    code = re.sub(r"//.*", "", script)
    defined = set(re.findall(r"const ([A-Z_]+) = ", code))
    used = set(re.findall(r"(?<![\w.\"])[A-Z][A-Z_]{2,}\b", code))
    assert used - {"JSON", "URL"} <= defined
    assert {"LINE_LEVEL", "MAX_FILE_BYTES"} <= used


def test_constants_of_the_page_are_those_of_python(page):
    assert f"const MAX_PIXELS = {image_files.MAX_PIXELS};" in page
    assert f"const BLUR_RADII = {list(compositing.BLUR_RADII)};" in page
