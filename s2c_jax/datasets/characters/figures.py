"""Figures of people as SVG: each as a colour picture, and as the exact sketch of the picture.

DiceBear (the packages dicebear-core and dicebear-styles) assembles a figure from parts, whose
colours are named slots. The colour picture gets colours in its slots; the sketch is the same figure
with white in all slots but the ink's.
"""

import copy
import functools
import hashlib
import json
import math
import random
import re
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from s2c_jax.datasets.characters.colors import draw_colors, luma, shadow

if TYPE_CHECKING:
    import dicebear

_SVG = "{http://www.w3.org/2000/svg}"
# The share of hair styles and of faces that only validation has.
_HELD_OUT_SHARE = 0.1
# The share of figures with a cel shadow. Without shadows a network would learn flat colours only.
_SHADED_SHARE = 0.6
# The kinds of regions that get a shadow.
_SHADED = ("skin", "hair", "clothes")
# The luma up to which a colour that is no slot is ink.
_INK_LUMA = 0.25
# The percentage of figures that have a part, where DiceBear's own percentage is not wanted: beards,
# masks and glasses hide much of a face.
_PROBABILITIES = {
    "beard": 3, "facialHair": 5, "mask": 0, "accessories": 10, "details": 5, "glasses": 12,
    "earrings": 20,
}  # fmt: skip


class Style(NamedTuple):
    """What a style of DiceBear needs besides its definition.

    Attributes:
        kinds: the kind of colour of each slot that is a region, see `draw_colors`. The other slots
            are ink.
        outlined: the slots whose regions have no line of their own and get one.
        line: the width of that line, as a share of the figure's side.
        hair: the component that holds the hair.
        face: the component that holds the eyes.
        weight: how often the style is drawn, relative to the others. Styles with many hair styles
            have a large weight.
        is_bust: whether the figure ends below its shoulders.
    """

    kinds: Mapping[str, str]
    outlined: tuple[str, ...]
    line: float
    weight: float
    hair: str = "hair"
    face: str = "eyes"
    is_bust: bool = True


# Chosen by looking at all styles of DiceBear: people with clean lines, or flat people, whose
# borders become lines.
STYLES = {
    "lorelei": Style(
        {"skin": "skin", "hair": "hair", "hairAccessories": "accent", "earrings": "accent"},
        outlined=("hair", "hairAccessories"), line=0.009, weight=6, is_bust=False,
    ),
    "adventurer": Style(
        {
            "skin": "skin", "hair": "hair", "eyes": "iris", "lips": "lips", "throat": "throat",
            "tongue": "lips", "uvula": "lips", "sclera": "white", "teeth": "white",
            "earrings": "accent", "glasses": "accent",
        },
        outlined=("earrings",), line=0.006, weight=6, is_bust=False,
    ),
    "micah": Style(
        {
            "base": "skin", "hair": "hair", "facialHair": "hair", "shirt": "clothes",
            "earring": "accent", "eyeShadow": "white", "glasses": "accent",
        },
        outlined=("hair", "facialHair"), line=0.012, weight=2,
    ),
    "open-peeps": Style(
        {"skin": "skin", "headContrast": "hair", "clothing": "clothes"},
        outlined=(), line=0.01, weight=3, hair="head", face="expression",
    ),
    "toon-head": Style(
        {"skin": "skin", "hair": "hair", "clothes": "clothes"},
        outlined=("skin", "hair", "clothes"), line=0.009, weight=2,
    ),
    "personas": Style(
        {"skin": "skin", "hair": "hair", "facialHair": "hair", "clothing": "clothes"},
        outlined=("skin", "hair", "clothing", "facialHair"), line=0.012, weight=2,
    ),
}  # fmt: skip


class Figure(NamedTuple):
    """A figure twice, as the contents of an SVG group whose side is `side`."""

    sketch: str
    color: str
    side: float
    is_bust: bool


def draw_figure(rng: random.Random, prefix: str, *, held_out: bool) -> Figure:
    """Draws a figure of a random style.

    Args:
        rng: the source of all choices.
        prefix: makes the figure's identifiers differ from those of others in the same picture.
        held_out: whether hair style and face are of those that only validation has.
    """
    import dicebear

    (name,) = rng.choices(list(STYLES), [style.weight for style in STYLES.values()])
    style, definition = STYLES[name], _definition(name)
    variants = {
        component: rng.choice(held_out_variants(name, component) if held_out else others)
        for component, others in _other_variants(name).items()
    }
    # Each slot is drawn in a colour of its own, by which the slot is found again.
    slots = {f"#0{i:02x}0fe": slot for i, slot in enumerate(definition["colors"])}
    options: dict[str, Any] = {f"{slot}Color": mark for mark, slot in slots.items()}
    options |= {f"{component}Variant": variant for component, variant in variants.items()}
    options |= {f"{style.hair}Probability": 100, "seed": str(rng.random())}
    for component, percentage in _PROBABILITIES.items():
        if component in definition["components"]:
            options[f"{component}Probability"] = percentage
    root = _parse(str(dicebear.Avatar(_style(name), options)), prefix)
    colors = draw_colors(rng, f"{name}/{variants[style.hair]}")
    side = float(definition["canvas"]["width"])
    shift = None
    if rng.random() < _SHADED_SHARE:
        length = rng.uniform(0.02, 0.05) * side
        shift = rng.choice((-length, length)), -rng.uniform(0.2, 1.0) * length
    painter = _Painter(style, slots, style.line * side, prefix)
    return Figure(painter.sketch(root), painter.color(root, colors, shift), side, style.is_bust)


def licences() -> dict[str, str]:
    """Returns for each style its title, its author and its licence, as DiceBear states them."""
    found = {}
    for name in STYLES:
        meta = _definition(name)["meta"]
        found[name] = (
            f"{meta['source']['name']} by {meta['creator']['name']}, {meta['license']['name']} "
            f"({meta['source']['url']})"
        )
    return found


@functools.cache
def held_out_variants(name: str, component: str) -> list[str]:
    """Returns the variants of a component that only validation has: a tenth, and at least one."""
    variants = sorted(
        _definition(name)["components"][component]["variants"],
        key=lambda variant: hashlib.sha256(f"{name}/{component}/{variant}".encode()).digest(),
    )
    return variants[: math.ceil(_HELD_OUT_SHARE * len(variants))]


@functools.cache
def _other_variants(name: str) -> dict[str, list[str]]:
    """Returns for the components of hair and face the variants that training has."""
    return {
        component: sorted(
            _definition(name)["components"][component]["variants"].keys()
            - set(held_out_variants(name, component))
        )
        for component in (STYLES[name].hair, STYLES[name].face)
    }


@functools.cache
def _definition(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        resources.files("dicebear_styles").joinpath(f"{name}.json").read_text()
    )
    return found


@functools.cache
def _style(name: str) -> "dicebear.Style":
    import dicebear

    return dicebear.Style(_definition(name))


def _parse(svg: str, prefix: str) -> ElementTree.Element:
    """Parses a figure, and puts the prefix before its identifiers."""
    svg = re.sub(r"<metadata.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'((?:\s|:)href="#|\sid="|url\(#)', rf"\g<1>{prefix}", svg)
    return ElementTree.fromstring(svg)


class _Painter:
    """Paints a figure's slots."""

    def __init__(self, style: Style, slots: Mapping[str, str], line: float, prefix: str) -> None:
        self._style, self._slots, self._line, self._prefix = style, slots, line, prefix

    def sketch(self, root: ElementTree.Element) -> str:
        """Returns the figure with white regions."""
        root = copy.deepcopy(root)
        for _, element in _drawn(root):
            for attribute in ("fill", "stroke"):
                color = _color_of(element, attribute)
                if color is None:
                    continue
                slot = self._slots.get(color)
                if slot is None:
                    is_ink = luma(color) < _INK_LUMA
                    # Transparent black is shading.
                    if is_ink and _is_transparent(element):
                        element.set("opacity", "0")
                else:
                    is_ink = slot not in self._style.kinds
                element.set(attribute, "#000000" if is_ink else "#ffffff")
                self._outline(element, attribute, slot)
        return _contents(root)

    def color(
        self,
        root: ElementTree.Element,
        colors: Mapping[str, str],
        shift: tuple[float, float] | None,
    ) -> str:
        """Returns the figure in colours, and with shadows if there is a shift of the light."""
        root = copy.deepcopy(root)
        for number, (parent, element) in enumerate(_drawn(root)):
            for attribute in ("fill", "stroke"):
                slot = self._slots.get(_color_of(element, attribute) or "")
                if slot is None:
                    continue
                kind = self._style.kinds.get(slot)
                element.set(attribute, "#000000" if kind is None else colors[kind])
                self._outline(element, attribute, slot)
                if attribute == "fill" and kind in _SHADED and shift and element.get("d"):
                    _shade(parent, element, shift, f"{self._prefix}shade{number}")
        return _contents(root)

    def _outline(self, element: ElementTree.Element, attribute: str, slot: str | None) -> None:
        if attribute == "fill" and slot in self._style.outlined:
            element.set("stroke", "#000000")
            element.set("stroke-width", f"{self._line:.2f}")
            element.set("stroke-linejoin", "round")


def _shade(
    parent: ElementTree.Element,
    element: ElementTree.Element,
    shift: tuple[float, float],
    identifier: str,
) -> None:
    """Adds a cel shadow to a path.

    The path gets the shadow's colour. On it lies a copy of the path in the path's own colour, which
    is shifted towards the light and clipped to the path.
    """
    group = ElementTree.Element(f"{_SVG}g", _chosen(element, "transform", "opacity"))
    form = _chosen(element, "d", "fill-rule", "clip-rule")
    clip = ElementTree.SubElement(group, f"{_SVG}clipPath", {"id": identifier})
    ElementTree.SubElement(
        clip, f"{_SVG}path", {**form, "clip-rule": element.get("fill-rule", "nonzero")}
    )
    color = element.get("fill", "")
    ElementTree.SubElement(group, f"{_SVG}path", {**form, "fill": shadow(color)})
    lit = ElementTree.SubElement(group, f"{_SVG}g", {"clip-path": f"url(#{identifier})"})
    move = f"translate({shift[0]:.2f} {shift[1]:.2f})"
    ElementTree.SubElement(lit, f"{_SVG}path", {**form, "fill": color, "transform": move})
    if element.get("stroke"):
        stroke = _chosen(element, "stroke", "stroke-width", "stroke-linejoin")
        ElementTree.SubElement(group, f"{_SVG}path", {**form, **stroke, "fill": "none"})
    parent[list(parent).index(element)] = group


def _drawn(root: ElementTree.Element) -> list[tuple[ElementTree.Element, ElementTree.Element]]:
    """Returns the elements with their parents, without those of masks, whose colours mean alpha."""
    masked = {id(part) for mask in root.iter(f"{_SVG}mask") for part in mask.iter()}
    return [
        (parent, element)
        for parent in root.iter()
        for element in parent
        if id(element) not in masked
    ]


def _color_of(element: ElementTree.Element, attribute: str) -> str | None:
    """Returns a colour as "#rrggbb" in lower case; None if there is none, or a gradient."""
    value = element.get(attribute, "").lower()
    value = {"white": "#ffffff", "black": "#000000"}.get(value, value)
    if len(value) == 4:
        value = "#" + "".join(2 * digit for digit in value[1:])
    return value if value.startswith("#") else None


def _is_transparent(element: ElementTree.Element) -> bool:
    return any(float(element.get(name, "1")) < 1 for name in ("opacity", "fill-opacity"))


def _chosen(element: ElementTree.Element, *names: str) -> dict[str, str]:
    return {name: value for name in names if (value := element.get(name)) is not None}


def _contents(root: ElementTree.Element) -> str:
    return "".join(ElementTree.tostring(child, encoding="unicode") for child in root)
