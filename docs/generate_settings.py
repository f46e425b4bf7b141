"""Writes docs/settings.md from the comments of s2c_jax/config.py.

python docs/generate_settings.py

In `default_config` a comment block stands above each assignment of a key. It is the key's meaning
on the page. A comment block above a section describes the section.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from s2c_jax import config as config_lib
from s2c_jax.errors import UserError

PAGE = Path(__file__).with_name("settings.md")

INTRODUCTION = """\
# Settings

```sh
python -m s2c_jax.main --config configs/characters.py --workdir runs/mine \\
    --config.batch_size=32 --config.generator.channels="(32, 64, 128, 256)"
```

A config file sets the values of a run. `--config.KEY=VALUE` overrides one of them. This page lists
every key and its default. Most defaults are the [article's](../README.md#train) values. The others
come from [an ablation](../experiments/quality/README.md), which found better values for small
drawings. `configs/sketch2color.py` sets all keys to the article's values.

A wrong key or value ends the command before anything is built, with one line that names it.

The last column says which keys may change when a run [continues](train.md#continue-a-run). If you
change any other key, take another workdir. `loss.feature_weights` may change only between files and
"download": random filters cannot replace real weights, nor real weights random filters.

*This page is generated: edit the comments of `s2c_jax/config.py`, then run
`python docs/generate_settings.py`.*
"""


class Section(NamedTuple):
    """A section of the settings, such as "loss"; the keys without a section have the name ""."""

    name: str
    comment: str


class Setting(NamedTuple):
    """One key of the settings.

    Attributes:
        key: the whole key, such as "loss.pixel".
        default: the default as it is written in the source.
        comment: the comment above the key, as one line.
    """

    key: str
    default: str
    comment: str


def settings_page() -> str:
    """Returns the content of docs/settings.md."""
    page = INTRODUCTION + _heading(Section("The run as a whole", ""))
    for entry in read_settings(Path(config_lib.__file__).read_text()):
        if isinstance(entry, Section):
            page += _heading(entry)
        else:
            may_change = "yes" if _may_change(entry.key) else ""
            meaning = entry.comment.replace("|", r"\|").replace("*", r"\*")
            page += f"| `{entry.key}` | `{entry.default}` | {meaning} | {may_change} |\n"
    return page


def read_settings(source: str) -> Iterator[Section | Setting]:
    """Yields the sections and settings of `default_config`, in its order.

    Args:
        source: the text of s2c_jax/config.py.

    Raises:
        ValueError: a setting has no comment.
    """
    (function,) = (
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == "default_config"
    )
    lines = source.splitlines()
    # What the keys of each variable begin with: "config" is the whole, the others are sections.
    prefixes = {"config": ""}
    for node in function.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if not (isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)):
            continue
        assert isinstance(node, ast.Assign)
        key = prefixes[target.value.id] + target.attr
        comment = _comment_above(lines, node.lineno)
        if isinstance(node.value, ast.Call):
            prefixes.update(
                (other.id, f"{key}.") for other in node.targets if isinstance(other, ast.Name)
            )
            yield Section(key, comment)
        elif comment:
            yield Setting(key, ast.get_source_segment(source, node.value) or "", comment)
        else:
            raise ValueError(f"s2c_jax/config.py, line {node.lineno}: {key} has no comment")


def _comment_above(lines: list[str], line_number: int) -> str:
    """Returns the comment block that ends above a line, as one line."""
    block: list[str] = []
    for line in reversed(lines[: line_number - 1]):
        if not line.strip().startswith("#"):
            break
        block.insert(0, line.strip().lstrip("# "))
    return " ".join(block)


def _heading(section: Section) -> str:
    comment = f"{section.comment}\n\n" if section.comment else ""
    columns = "| key | default | meaning | may change |\n| --- | --- | --- | --- |\n"
    return f"\n## {section.name}\n\n{comment}{columns}"


def _may_change(key: str) -> bool:
    """Returns whether a run may continue with another value of a key."""
    default, changed = config_lib.default_config(), config_lib.default_config()
    section = changed
    *path, name = key.split(".")
    for part in path:
        section = section[part]
    section[name] = _another(section[name])
    try:
        config_lib.require_same_run(default, changed)
    except UserError:
        return False
    return True


def _another(value: object) -> object:
    """Returns another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (*value, 1)
    if isinstance(value, str):
        return f"{value}/other"
    assert isinstance(value, int | float)
    return value + 1


if __name__ == "__main__":
    PAGE.write_text(settings_page())
