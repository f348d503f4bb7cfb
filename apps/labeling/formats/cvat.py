"""CVAT for images 1.1: one XML file, an element a shape."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import Ring, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.masks import transpose_runs
from apps.labeling.formats.shapes import box, inside, number, shape, tag
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

PATHS = {
    "polygon": ShapeKind.POLYGON,
    "polyline": ShapeKind.POLYLINE,
    "points": ShapeKind.POINTS,
}
ELEMENTS = {kind: element for element, kind in PATHS.items()}
SHAPES = {"box", "ellipse", "mask", "skeleton", "tag", *PATHS}


def write_cvat(labels: Sequence[ItemLabel], items: Iterable[Item], out: Out) -> None:
    out.stream("annotations.xml", _document(labels, items))


def _document(labels: Sequence[ItemLabel], items: Iterable[Item]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n'
    yield "  <version>1.1</version>\n  <meta><task><labels>\n"
    for label in labels:
        color = f"<color>{escape(label.color)}</color>" if label.color else ""
        yield f"    <label><name>{escape(label.name)}</name>{color}</label>\n"
    yield "  </labels></task></meta>\n"
    joints = {label.name: label.skeleton.get("joints", []) for label in labels}
    for number_of, item in enumerate(items):
        subset = f" subset={quoteattr(item.split)}" if item.split else ""
        yield (
            f'  <image id="{number_of}" name={quoteattr(item.name)} '
            f'width="{item.width}" height="{item.height}"{subset}>\n'
        )
        for one in item.shapes:
            node = node_of(one, joints.get(one.label, []))
            for key, value in one.attributes.items():
                ET.SubElement(node, "attribute", {"name": key}).text = said_attributes(
                    value
                )
            yield f"    {ET.tostring(node, encoding='unicode')}\n"
        yield "  </image>\n"
    yield "</annotations>\n"


def said_attributes(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def node_of(one: ItemShape, joints: Sequence[str]) -> ET.Element:
    source = "manual" if one.score is None else "auto"
    said = {"label": one.label, "source": source}
    if one.kind is ShapeKind.TAG:
        return ET.Element("tag", said)
    said |= {"occluded": str(int(one.is_occluded)), "z_order": str(one.layer)}
    geometry: dict[str, Any] = unpack(one.kind, one.packed) or {}
    if one.kind in ELEMENTS:
        points = _points(geometry["points"])
        return ET.Element(ELEMENTS[one.kind], {**said, "points": points})
    if one.kind is ShapeKind.ELLIPSE:
        (x, y), (rx, ry) = geometry["center"], geometry["radii"]
        frame = {
            "cx": x,
            "cy": y,
            "rx": rx,
            "ry": ry,
            "rotation": geometry["angle"] % 360,
        }
        return ET.Element("ellipse", said | _texts(frame))
    if one.kind is ShapeKind.MASK:
        (left, top), (width, height) = geometry["origin"], geometry["size"]
        runs = transpose_runs(geometry["counts"], width=height, height=width)
        frame = {"left": left, "top": top, "width": width, "height": height}
        rle = ", ".join(map(str, runs))
        return ET.Element("mask", {**said, "rle": rle, **_texts(frame)})
    if one.kind is ShapeKind.SKELETON:
        return _skeleton(said, geometry, joints)
    return ET.Element("box", said | _texts(_corners(one, geometry)))


def _corners(one: ItemShape, geometry: dict[str, Any]) -> dict[str, float]:
    """CVAT gives the corners of a turned box as if it were not turned."""
    if one.kind is ShapeKind.BOX:
        return dict(zip(("xtl", "ytl", "xbr", "ybr"), one.bbox, strict=True))
    (x, y), (width, height) = geometry["center"], geometry["size"]
    return {
        "xtl": x - width / 2,
        "ytl": y - height / 2,
        "xbr": x + width / 2,
        "ybr": y + height / 2,
        "rotation": geometry["angle"] % 360,
    }


def _skeleton(
    said: dict[str, str], geometry: dict[str, Any], joints: Sequence[str]
) -> ET.Element:
    node = ET.Element("skeleton", said)
    for at, (point, visible) in enumerate(
        zip(geometry["points"], geometry["visible"], strict=True)
    ):
        name = joints[at] if at < len(joints) else str(at + 1)
        flags = {"outside": str(int(visible == 0)), "occluded": str(int(visible == 1))}
        ET.SubElement(
            node, "points", {"label": name, **flags, "points": _points([point])}
        )
    return node


def _points(ring: Ring) -> str:
    return ";".join(f"{x!r},{y!r}" for x, y in ring)


def _texts(values: dict[str, float]) -> dict[str, str]:
    return {key: repr(value) for key, value in values.items()}


def read_cvat(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield the shapes of each image that the project has."""
    for name in archive.some(".xml"):
        root = archive.xml(name)
        if root.tag != "annotations":
            raise FormatError(
                _("{name}: not CVAT, it begins with <{tag}>").format(
                    name=name, tag=root.tag
                )
            )
        if root.find("track") is not None:
            raise FormatError(
                _("{name}: tracks of a video; choose CVAT for videos").format(name=name)
            )
        for image in root.iter("image"):
            file = image.get("name", "")
            item = catalog.find(file)
            if item is None:
                continue
            nodes = [node for node in image if node.tag in SHAPES]
            yield (
                item,
                [
                    inside(where, shape_of(where, node, item), item)
                    for at, node in enumerate(nodes, start=1)
                    for where in [f"{name}, {file}, {node.tag} {at}"]
                ],
            )


def shape_of(
    where: str, node: ET.Element, item: Item, group: UUID | None = None
) -> ItemShape:
    label = node.get("label")
    if not label:
        raise FormatError(_("{where}: it has no label").format(where=where))
    layer = number(where, node.get("z_order", "0"))
    more: dict[str, Any] = {
        "label": label,
        "group": group,
        "attributes": {
            child.get("name", ""): child.text or "" for child in node.iter("attribute")
        },
    }
    if node.tag == "tag":
        return tag(item.width, item.height, **more)
    more |= {"is_occluded": node.get("occluded") == "1", "layer": int(layer)}
    if node.tag in PATHS:
        points = _ring(where, node.get("points", ""))
        return shape(where, PATHS[node.tag], {"points": points}, **more)
    if node.tag == "skeleton":
        return shape(where, ShapeKind.SKELETON, _joints(where, node), **more)
    if node.tag == "mask":
        return _mask(where, node, item, more)
    angle = number(where, node.get("rotation", "0"))
    if node.tag == "ellipse":
        x, y, rx, ry = (
            number(where, node.get(key)) for key in ("cx", "cy", "rx", "ry")
        )
        frame = {"center": [x, y], "radii": [rx, ry], "angle": angle}
        return shape(where, ShapeKind.ELLIPSE, frame, **more)
    corners = [number(where, node.get(key)) for key in ("xtl", "ytl", "xbr", "ybr")]
    if angle % 360 == 0:
        return box(where, corners, **more)
    x1, y1, x2, y2 = corners
    center, size = [(x1 + x2) / 2, (y1 + y2) / 2], [x2 - x1, y2 - y1]
    frame = {"center": center, "size": size, "angle": angle}
    return shape(where, ShapeKind.ROTATED_BOX, frame, **more)


def _ring(where: str, text: str) -> Ring:
    pairs = [pair.split(",") for pair in text.split(";") if pair]
    if any(len(pair) != 2 for pair in pairs):
        raise FormatError(_("{where}: points are x,y;x,y;...").format(where=where))
    return [[number(where, x), number(where, y)] for x, y in pairs]


def _joints(where: str, node: ET.Element) -> dict[str, Any]:
    points, visible = [], []
    for joint in node.iter("points"):
        points += _ring(where, joint.get("points", ""))
        is_out, is_hidden = joint.get("outside") == "1", joint.get("occluded") == "1"
        visible.append(0 if is_out else 1 if is_hidden else 2)
    return {"points": points, "visible": visible}


def _mask(where: str, node: ET.Element, item: Item, more: dict[str, Any]) -> ItemShape:
    left, top, width, height = (
        int(number(where, node.get(key))) for key in ("left", "top", "width", "height")
    )
    if left < 0 or top < 0 or left + width > item.width or top + height > item.height:
        raise FormatError(
            _("{where}: its rectangle is not inside the image").format(where=where)
        )
    runs = [int(number(where, part)) for part in node.get("rle", "").split(",")]
    if min(runs) < 0 or sum(runs) > width * height or width < 1 or height < 1:
        raise FormatError(
            _("{where}: its runs cover more than {width} x {height}").format(
                where=where, width=width, height=height
            )
        )
    turned = transpose_runs(runs, width=width, height=height)
    geometry = {"origin": [left, top], "size": [width, height], "counts": turned}
    return shape(where, ShapeKind.MASK, geometry, **more)
