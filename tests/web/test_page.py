"""The web page's layout."""

import pytest

from s2c_jax.inference.colorizer import Colorizer
from s2c_jax.web import page


def components(built, kind):
    return [block for block in built.blocks.values() if type(block).__name__ == kind]


@pytest.mark.parametrize(
    ("run", "guided", "sentence"),
    [
        ("workdir", False, "takes no hints or palettes"),
        ("guided_workdir", True, "takes hints and palettes"),
    ],
)
def test_page_has_the_tabs_and_the_description_of_its_run(run, guided, sentence, request, tmp_path):
    workdir = request.getfixturevalue(run)
    built = page.make_page(Colorizer(workdir), workdir, tmp_path)
    tabs = {tab.label: tab.visible for tab in components(built, "Tab")}
    assert tabs == {"Sketch": True, "Hints": guided, "Palette": guided}
    text = components(built, "Markdown")[0].value
    assert str(workdir) in text
    assert f"trained on openmoji_sketch at 64 px, {sentence}" in text


def test_bounded_dict_forgets_the_oldest_item():
    items = page.BoundedDict(2)
    for name in "abc":
        items[name] = name
    assert list(items) == ["b", "c"]
