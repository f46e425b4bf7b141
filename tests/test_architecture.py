"""The rooms of the package, and the directions in which they may import each other."""

import ast
import pathlib

import pytest

PACKAGE = pathlib.Path(__file__).parents[1] / "s2c_jax"

# From the ground up: a room imports rooms of lower floors only, or itself.
FLOORS = (
    {"errors"},
    {"files", "runtime", "distributed"},
    {"config"},
    {"cli"},
    {"flags", "models", "drawing"},
    {"pretrained"},
    {"checkpoint", "datasets"},
    {"inference"},
    {"evaluation", "colorizer"},
    {"training"},
    {"main", "colorize", "evaluate", "import_keras", "export", "web"},
)
# What no room below the commands may know: where flags are defined and parsed.
COMMAND_LINE = {"cli", "flags"}
COMMANDS = FLOORS[-1] | {"datasets.__main__"}


def room_of(module):
    """Returns the room of a module, such as "training" for s2c_jax.training.step."""
    return module.removeprefix("s2c_jax").lstrip(".").partition(".")[0]


def imports():
    """Yields each file's module and each module of the package that it imports."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                if node.module == "s2c_jax":
                    for name in node.names:
                        yield module, name.name
                elif node.module.startswith("s2c_jax."):
                    yield module, node.module.removeprefix("s2c_jax.")
            elif isinstance(node, ast.Import):
                for name in node.names:
                    if name.name.startswith("s2c_jax."):
                        yield module, name.name.removeprefix("s2c_jax.")


EDGES = sorted({(importer, imported) for importer, imported in imports() if importer})


def test_every_module_has_a_floor():
    rooms = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_rooms_import_lower_floors_only(floor):
    below = set().union(*FLOORS[:floor])
    wrong = [
        (importer, imported)
        for importer, imported in EDGES
        if room_of(importer) in FLOORS[floor]
        and room_of(imported) != room_of(importer)
        and room_of(imported) not in below
    ]
    assert not wrong


def test_only_commands_know_the_command_line():
    wrong = [
        (importer, imported)
        for importer, imported in EDGES
        if room_of(imported) in COMMAND_LINE
        and importer not in COMMANDS | COMMAND_LINE
        and not importer.endswith("__main__")
    ]
    assert not wrong


def test_config_imports_no_room():
    assert {imported for importer, imported in EDGES if importer == "config"} <= {"errors", "files"}


def test_there_are_imports_to_check():
    assert len(EDGES) > 100
