"""What the commands share: their flags, and one line for a user's mistake."""

import contextlib
import importlib
import io
import os
import sys
import typing

import pytest

from s2c_jax import cli
from s2c_jax.errors import UserError
from s2c_jax.inference.colorizer import Backend


def test_backends_are_those_of_the_colorizer():
    assert typing.get_args(Backend) == cli.BACKENDS


def test_user_errors_ends_the_process_with_one_line():
    with pytest.raises(SystemExit) as raised, cli.user_errors():
        raise UserError("--output: it is a file")
    assert raised.value.code == "s2c_jax: --output: it is a file"


def test_user_errors_lets_programming_errors_pass():
    with pytest.raises(ZeroDivisionError), cli.user_errors():
        raise ZeroDivisionError


def test_paths_with_bytes_that_are_no_text_can_be_printed(monkeypatch):
    output = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, "utf-8"))
    with cli.user_errors():
        print(os.fsdecode(b"run\xff"), flush=True)
    assert output.getvalue() == b"run\\udcff\n"


@pytest.mark.parametrize(("text", "step"), [("last", "last"), ("best", "best"), ("12", 12)])
def test_step_is_a_number_or_last_or_best(text, step):
    flags = cli.run_parser("colorize", None).parse_args(["--workdir", "run", "--step", text])
    assert flags.step == step


def test_step_defaults_to_the_last():
    assert cli.run_parser("colorize", None).parse_args(["--workdir", "run"]).step == "last"


def test_another_step_is_refused(capsys):
    with pytest.raises(SystemExit) as raised:
        cli.run_parser("colorize", None).parse_args(["--workdir", "run", "--step", "first"])
    assert raised.value.code == 2
    assert '\'first\' is not a step, "last" or "best"' in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["colorize", "evaluate", "export.__main__", "web.__main__", "datasets.__main__"]
)
def test_every_argparse_command_has_import(command):
    printed = io.StringIO()
    with pytest.raises(SystemExit) as raised, contextlib.redirect_stdout(printed):
        importlib.import_module(f"s2c_jax.{command}").main(["--help"])
    assert raised.value.code == 0
    assert "--import MODULE" in printed.getvalue()


def test_import_modules_imports_each_module(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("first_module", "second_module"):
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    cli.import_modules(["first_module", "second_module"])
    for name in ("first_module", "second_module"):
        assert name in sys.modules
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_import_modules_names_a_module_that_raises(tmp_path, monkeypatch, text, message):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "failing_module.py").write_text(text)
    with pytest.raises(UserError, match=f"--import failing_module: {message}"):
        cli.import_modules(["failing_module"])
