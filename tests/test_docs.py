"""The documentation: its links lead somewhere, its commands exist, the settings page is current."""

import ast
import configparser
import functools
import importlib
import io
import pathlib
import re
import runpy
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow_datasets as tfds
from absl import flags
from PIL import Image

from s2c_jax import config as config_lib
from s2c_jax.datasets import __main__ as datasets_command
from tests.support.commands import ROOT

# What a user reads, and what is linked from there.
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")])
LINKED_PAGES = [*PAGES, *sorted(ROOT.glob("experiments/**/*.md"))]
# Texts with commands; the launch files' README has commands of main.
COMMAND_PAGES = [*PAGES, ROOT / "experiments/launch/README.md"]
ABSL_COMMANDS = {"main", "import_keras"}


def name_of(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


class Block(NamedTuple):
    """A fenced block of code: its language and its text."""

    language: str
    text: str


def blocks_of(text: str) -> list[Block]:
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def inline_code(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", without_blocks(text))


def commands_of(text: str) -> Iterator[list[str]]:
    """Yields the words of each command line in shell blocks and in inline code."""
    lines = [
        line
        for block in blocks_of(text)
        if block.language == "sh"
        for line in block.text.replace("\\\n", " ").splitlines()
    ]
    for line in lines + inline_code(text):
        for command in line.split(" && "):
            # Inline code may hold half a quotation; no command does.
            try:
                words = shlex.split(command, comments=True)
            except ValueError:
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            if words:
                yield words


def anchors_of(text: str) -> set[str]:
    """Returns the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@functools.cache
def flags_of(command: str) -> frozenset[str]:
    """Returns the flags of `python -m s2c_jax.COMMAND`."""
    if command in ABSL_COMMANDS:
        importlib.import_module(f"s2c_jax.{command}")
        by_module = flags.FLAGS.flags_by_module_dict()
        modules = ("s2c_jax.flags", f"s2c_jax.{command}")
        return frozenset(f"--{flag.name}" for name in modules for flag in by_module.get(name, ()))
    is_package = (ROOT / "s2c_jax" / command).is_dir()
    module = importlib.import_module(f"s2c_jax.{command}{'.__main__' if is_package else ''}")
    output = io.StringIO()
    with redirect_stdout(output), pytest.raises(SystemExit):
        module.main(["--help"])
    return frozenset(re.findall(r"(?<![\w-])--[\w-]+", output.getvalue()))


def is_command(command: str) -> bool:
    folder = ROOT / "s2c_jax"
    return (folder / command / "__main__.py").is_file() or (folder / f"{command}.py").is_file()


def problem_of(words: list[str]) -> str | None:
    """Returns what is wrong with a command line, or None."""
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        wrong = [word for word in words[1:] if "=" not in word and word not in targets]
        return f"Makefile has no target {wrong}" if wrong else None
    if words[0].rpartition("/")[2] in ("python", "python3") and len(words) > 1:
        if words[1].endswith(".py"):
            return None if (ROOT / words[1]).is_file() else f"there is no file {words[1]}"
        if words[1] == "-m" and words[2].startswith("experiments."):
            path = ROOT / f"{words[2].replace('.', '/')}.py"
            return None if path.is_file() else f"there is no file {path}"
        if words[1] == "-m" and words[2].startswith("s2c_jax."):
            return problem_of_package_command(words[2].removeprefix("s2c_jax."), words[3:])
    return None


def problem_of_package_command(command: str, arguments: list[str]) -> str | None:
    if command == "X" or not is_command(command):
        return f"there is no command s2c_jax.{command}"
    for i, word in enumerate(arguments):
        flag, _, value = word.partition("=")
        if flag.startswith("--config."):
            config_lib.require_key(flag.removeprefix("--config."))
        elif flag.startswith("--") and flag not in flags_of(command):
            return f"s2c_jax.{command} has no flag {flag}"
        if flag == "--config":
            file, _, variant = (value or arguments[i + 1]).partition(":")
            if file.startswith("configs/"):
                module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
                module.get_config(*([variant] if variant else []))
    return None


def settings_page() -> str:
    return runpy.run_path(str(ROOT / "docs" / "generate_settings.py"))["settings_page"]()


def test_settings_page_is_generated_from_config():
    page = (ROOT / "docs" / "settings.md").read_text()
    assert page == settings_page(), "run: python docs/generate_settings.py"


def test_settings_page_has_every_key_once():
    rows = re.findall(r"^\| `([\w.]+)` \|", settings_page(), re.M)
    assert sorted(rows) == sorted(key for key, _ in flat(config_lib.default_config()))


def flat(config, prefix=""):
    for key, value in config.items():
        if hasattr(value, "items"):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def test_settings_page_says_which_keys_may_change():
    rows = dict(re.findall(r"^\| `([\w.]+)` \|.*\| (yes)? ?\|$", settings_page(), re.M))
    assert rows["num_epochs"] == rows["checkpoint.keep"] == "yes"
    assert rows["seed"] == rows["loss.pixel"] == rows["generator.channels"] == ""


def test_readme_has_at_most_150_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_readme_links_every_page_of_docs():
    links = re.findall(r"\]\((docs/[^)#]+\.md)\)", (ROOT / "README.md").read_text())
    assert set(links) == {name_of(path) for path in ROOT.glob("docs/*.md")}


@pytest.mark.parametrize("page", LINKED_PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file.read_text())):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", COMMAND_PAGES, ids=name_of)
def test_commands_exist_and_have_these_flags(page):
    problems = [
        (problem, " ".join(words))
        for words in commands_of(page.read_text())
        if (problem := problem_of(words))
    ]
    assert not problems


def commands_of_docstring(source: str) -> list[list[str]]:
    """Returns the words of each command line in a module's docstring."""
    docstring = (ast.get_docstring(ast.parse(source)) or "").replace("\\\n", " ")
    return [shlex.split(line) for line in re.findall(r"^python .+$", docstring, re.M)]


def test_commands_in_docstrings_exist_and_have_these_flags():
    scripts = [
        path
        for folder in ("configs", "docs", "experiments", "s2c_jax")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]
    found = [
        (problem_of(words), name_of(path))
        for path in scripts
        for words in commands_of_docstring(path.read_text())
    ]
    assert len(found) > 20
    assert [(problem, path) for problem, path in found if problem] == []


def test_a_wrong_command_is_found():
    assert problem_of(["python", "-m", "s2c_jax.colourise"])
    assert problem_of(["python", "-m", "s2c_jax.evaluate", "--backend", "jax"])
    assert problem_of(["python", "-m", "s2c_jax.main", "--hints=x"])
    assert problem_of(["python", "-m", "experiments.nothing.run"])
    assert problem_of(["make", "nothing"])
    assert not problem_of(["python", "-m", "s2c_jax.main", "--distributed", "--workdir", "w"])
    text = "```sh\nA=1 .venv/bin/python -m s2c_jax.web \\\n    --nothing\n```\n"
    (words,) = commands_of(text)
    assert problem_of(words) == "s2c_jax.web has no flag --nothing"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_flags_in_prose_exist(page):
    commands = [path.stem for path in (ROOT / "s2c_jax").glob("*.py") if has_main(path)]
    commands += [path.parent.name for path in (ROOT / "s2c_jax").glob("*/__main__.py")]
    known = set().union(*map(flags_of, commands))
    for script in ROOT.glob("experiments/**/*.py"):
        known |= set(re.findall(r'"(--[\w-]+)"', script.read_text()))
    mentioned = {code.split()[0].partition("=")[0] for code in inline_code(page.read_text())
                 if code.startswith("--")}  # fmt: skip
    assert {flag for flag in mentioned - known if not flag.startswith("--config.")} == set()


def has_main(path: pathlib.Path) -> bool:
    return 'if __name__ == "__main__"' in path.read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_named_files_extras_and_settings_exist(page):
    text = page.read_text()
    missing = [
        path
        for path in re.findall(
            r"(?<![\w/])((?:s2c_jax|configs|experiments|tests|docs)/[\w./-]*\w/?)", text
        )
        if not (ROOT / path).exists()
    ]
    assert not missing
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    for extras in re.findall(r"'\.\[([\w,]+)\]'", text):
        assert set(extras.split(",")) <= set(setup["options.extras_require"])
    for key in re.findall(r"--config\.([\w.]+)", text):
        if key != "KEY":
            config_lib.require_key(key)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_examples_import_names_that_exist(page):
    for block in blocks_of(page.read_text()):
        if block.language != "python":
            continue
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("s2c_jax"):
                for name in node.names:
                    module = importlib.import_module(str(node.module))
                    if not hasattr(module, name.name):
                        importlib.import_module(f"{node.module}.{name.name}")


def test_architecture_names_every_room():
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = [path.parent.name for path in (ROOT / "s2c_jax").glob("*/__init__.py")]
    # colorizer.py keeps an old import working; the docs name the new one alone.
    unnamed = {"__init__.py", "colorizer.py"}
    modules = {path.name for path in (ROOT / "s2c_jax").glob("*.py")} - unnamed
    assert [room for room in rooms if f"`{room}/`" not in text] == []
    assert [name for name in modules if f"`{name}`" not in text] == []


def test_builder_of_data_page_prepares_its_pairs(tmp_path, monkeypatch, capsys):
    (example,) = (
        block.text
        for block in blocks_of((ROOT / "docs" / "data.md").read_text())
        if block.text.startswith("# my_builder.py")
    )
    (tmp_path / "my_builder.py").write_text(example)
    (tmp_path / "files").mkdir()
    for i in range(40):
        both = Image.new("RGB", (64, 32), "white")
        both.paste((0, 5 * i, 255), (40, 8, 56, 24))
        both.save(tmp_path / "files" / f"{i}.png")
    monkeypatch.syspath_prepend(tmp_path)
    datasets_command.main(
        ["my_pairs/64", "--import", "my_builder", "--manual_dir", str(tmp_path / "files"),
         "--data_dir", str(tmp_path / "data")]
    )  # fmt: skip
    assert "my_pairs/64" in capsys.readouterr().out
    pairs = tfds.data_source("my_pairs/64", split="train", data_dir=tmp_path / "data")
    assert 30 < len(pairs) < 40
    assert (pairs[0]["sketch"] == 255).all()
    assert (np.asarray(pairs[0]["color"])[32, 32] == pairs[0]["color"][32, 33]).all()
    assert pairs[0]["color"][32, 32, 2] == 255
    assert pairs[0]["color"][32, 32, 0] == 0
