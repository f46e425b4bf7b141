"""The command web: flags, and errors in one line."""

import re
import sys

import pytest

from s2c_jax.web import __main__
from tests.support.servers import free_port


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "99999"], "--port 99999: the server cannot listen"),
        (["--host", "192.0.2.1"], "--host 192.0.2.1 --port 7860: the server cannot listen"),
        (["--host", "no..where"], "--host no..where"),
    ],
)
def test_impossible_address_is_named(workdir, arguments, message):
    with pytest.raises(SystemExit, match=re.escape(message)) as exit_:
        __main__.main(["--workdir", str(workdir), *arguments])
    assert str(exit_.value).startswith("s2c_jax: ")
    assert "\n" not in str(exit_.value)


def test_port_in_use_is_named(workdir, server):
    port = server.url.rpartition(":")[2]
    with pytest.raises(SystemExit, match=f"--port {port}: the server cannot listen .*in use"):
        __main__.main(["--workdir", str(workdir), "--port", port])


def test_missing_run_is_named(tmp_path):
    with pytest.raises(SystemExit, match="s2c_jax: .*none"):
        __main__.main(["--workdir", str(tmp_path / "none"), "--port", str(free_port())])


def test_missing_gradio_is_named_with_its_extra(workdir, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(SystemExit, match=re.escape("pip install 's2c_jax[web]'")):
        __main__.main(["--workdir", str(workdir)])
