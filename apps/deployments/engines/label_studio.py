"""What Label Studio's labeling set-up asks for, and answers in its words.

Its regions are in per cent of the picture; every name must be one of the set-up's.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree as ET

from django.utils.translation import gettext as _

from apps.deployments.errors import BadTaskError

Row = dict[str, Any]
RECTANGLES, POLYGONS, CHOICES = "rectanglelabels", "polygonlabels", "choices"
_ANSWERED = (RECTANGLES, POLYGONS, CHOICES)
_VALUE = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A tag that takes labels.

    Attributes:
        kind: Its tag in lower case, which is also its regions' type.
        names: Label Studio's words by the model's, in lower case.
    """

    name: str
    kind: str
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A project's picture and the controls for it.

    Attributes:
        image: The name of the tag that shows the picture.
        key: Which of a task's data is its address.
    """

    image: str
    key: str
    controls: tuple[Control, ...]

    def of_kind(self, kind: str) -> Control | None:
        return next((one for one in self.controls if one.kind == kind), None)


def read_setup(config: str) -> Setup:
    """Read a labeling set-up.

    Raises:
        BadTaskError: It shows no picture, or takes nothing that a model could say.
    """
    root = _parsed(config)
    for image in root.iter("Image"):
        name, key = image.get("name", ""), _VALUE.fullmatch(image.get("value", ""))
        controls = tuple(_controls(root, name))
        if key and controls:
            return Setup(image=name, key=key[1], controls=controls)
    raise BadTaskError(
        _(
            "the labeling set-up needs an Image with a value such as $image, and "
            "RectangleLabels, PolygonLabels or Choices for it"
        )
    )


def _parsed(config: str) -> ET.Element:
    if "<!DOCTYPE" in config or "<!ENTITY" in config:
        raise BadTaskError(_("the labeling set-up has a document type: take it out"))
    try:
        return ET.fromstring(config)  # noqa: S314 -- without a DTD nothing expands
    except ET.ParseError as exc:
        raise BadTaskError(
            _("the labeling set-up is no XML: {reason}").format(reason=exc)
        ) from exc


def _controls(root: ET.Element, image: str) -> Iterator[Control]:
    for tag in root.iter():
        kind = tag.tag.lower()
        if kind in _ANSWERED and tag.get("toName") == image and tag.get("name"):
            yield Control(name=tag.get("name", ""), kind=kind, names=_names(tag))


def _names(tag: ET.Element) -> dict[str, str]:
    """``predicted_values`` says what else a model may call a label."""
    names: dict[str, str] = {}
    for label in [*tag.iter("Label"), *tag.iter("Choice")]:
        value = label.get("value", "")
        said = label.get("alias") or value
        others = label.get("predicted_values", "").split(",")
        for word in (value, said, *others):
            if word.strip():
                names.setdefault(word.strip().lower(), said)
    return names


def regions(
    setup: Setup, answer: Mapping[str, Any], size: tuple[int, int]
) -> list[Row]:
    """A model's answer about a picture; what the set-up has no label for is left out."""
    said = [
        (setup.of_kind(RECTANGLES), row) for row in answer.get("detections", [])
    ] + [(setup.of_kind(CHOICES), row) for row in answer.get("labels", [])[:1]]
    return [
        _region(setup, control, name, value, size, row["score"])
        for control, row in said
        if control and (name := control.names.get(str(row["label"]).lower()))
        for value in [_rectangle(row["bbox"], size) if "bbox" in row else {}]
    ]


def outlined(
    setup: Setup,
    label: str,
    outlines: Sequence[Mapping[str, Any]],
    size: tuple[int, int],
) -> list[Row]:
    """The largest outline, as a polygon; as a box where there are no polygons."""
    across, down = 100 / size[0], 100 / size[1]
    for outline in outlines[:1]:
        points = outline["points"]
        if control := setup.of_kind(POLYGONS):
            scaled = [[x * across, y * down] for x, y in points]
            value = {"points": scaled, "closed": True}
        elif control := setup.of_kind(RECTANGLES):
            xs, ys = [x for x, _y in points], [y for _x, y in points]
            value = _rectangle([min(xs), min(ys), max(xs), max(ys)], size)
        else:
            break
        name = control.names.get(label.lower(), label)
        return [_region(setup, control, name, value, size)]
    return []


def prompt_of(context: Mapping[str, Any], size: tuple[int, int]) -> tuple[Row, str]:
    """Read the smart regions that a person drew.

    Returns:
        Clicks and a box in pixels, as the click model takes them, and their label.

    Raises:
        BadTaskError: There is neither a point nor a rectangle.
    """
    across, down = size[0] / 100, size[1] / 100
    clicks, box, label = [], None, ""
    for row in context.get("result", []):
        value, kind = row.get("value", {}), str(row.get("type", ""))
        try:
            x, y = float(value["x"]) * across, float(value["y"]) * down
            if kind.startswith("rectangle"):
                right, below = value["width"] * across, value["height"] * down
                box = [x, y, x + right, y + below]
            elif kind.startswith("keypoint"):
                clicks.append([x, y, int(row.get("is_positive", True))])
        except (KeyError, TypeError, ValueError):
            continue
        label = next(iter(value.get(kind) or value.get("labels") or [label]))
    if not clicks and box is None:
        raise BadTaskError(
            _("a smart point or a smart rectangle says what object is meant")
        )
    return {"clicks": clicks, **({"box": box} if box else {})}, str(label)


def _rectangle(bbox: Sequence[float], size: tuple[int, int]) -> Row:
    across, down = 100 / size[0], 100 / size[1]
    x1, y1, x2, y2 = bbox
    return {
        "x": x1 * across,
        "y": y1 * down,
        "width": (x2 - x1) * across,
        "height": (y2 - y1) * down,
        "rotation": 0,
    }


def _region(
    setup: Setup,
    control: Control,
    name: str,
    value: Row,
    size: tuple[int, int],
    score: float | None = None,
) -> Row:
    return {
        "id": uuid4().hex[:10],
        "type": control.kind,
        "from_name": control.name,
        "to_name": setup.image,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        **({} if score is None else {"score": score}),
        "value": {**value, control.kind: [name]},
    }
