"""YOLO text files as Ultralytics lays them out: detect, segment, OBB and pose.

https://docs.ultralytics.com/datasets/: ``data.yaml`` names the classes; each image has
``labels/<split>/<name>.txt`` with a line an object, in shares of the image's size.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from posixpath import basename, splitext
from typing import Any

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import Ring, outline, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import box, inside, number, shape, turned
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

Found = Iterator[tuple[Item, list[ItemShape]]]
OUTLINED = frozenset(
    {ShapeKind.POLYGON, ShapeKind.ROTATED_BOX, ShapeKind.ELLIPSE, ShapeKind.BOX}
)


def write_yolo(
    labels: Sequence[ItemLabel], items: Iterable[Item], out: Out, *, task: str
) -> None:
    """Write the labels of every image, also of those without objects.

    What the task has no form for is left out and counted.
    """
    class_of = {label.name: number for number, label in enumerate(labels)}
    num_joints = max(
        (len(label.skeleton.get("joints", [])) for label in labels), default=0
    )
    listed: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for item in items:
        split = item.split or "train"
        plain = out.unique(basename(item.name.replace("\\", "/")))
        lines = []
        for one in item.shapes:
            numbers = WRITERS[task](one, item, num_joints)
            if numbers is None:
                out.num_left_out += 1
            else:
                values = (" %.9g" * len(numbers)) % tuple(numbers)
                lines.append(f"{class_of[one.label]}{values}\n")
        out.write(f"labels/{split}/{splitext(plain)[0]}.txt", "".join(lines))
        listed[split].append(f"images/{split}/{plain}\n")
    for split, lines in listed.items():
        if lines:
            out.write(f"{split}.txt", "".join(lines))
    out.write("data.yaml", _yaml(labels, listed, task=task, num_joints=num_joints))


def _yaml(
    labels: Sequence[ItemLabel],
    listed: dict[str, list[str]],
    *,
    task: str,
    num_joints: int,
) -> str:
    lines = ["path: .\n"]
    lines += [f"{split}: {split}.txt\n" for split in listed if listed[split]]
    if task == "pose":
        lines.append(f"kpt_shape: [{num_joints}, 3]\n")
    lines.append("names:\n")
    # A JSON string is a YAML string.
    lines += [
        f"  {number}: {json.dumps(label.name, ensure_ascii=False)}\n"
        for number, label in enumerate(labels)
    ]
    return "".join(lines)


def _centered(one: ItemShape, item: Item) -> list[float]:
    x1, y1, x2, y2 = one.bbox
    return [
        (x1 + x2) / 2 / item.width,
        (y1 + y2) / 2 / item.height,
        (x2 - x1) / item.width,
        (y2 - y1) / item.height,
    ]


def _detect(one: ItemShape, item: Item, _num_joints: int) -> list[float] | None:
    return None if one.kind is ShapeKind.TAG else _centered(one, item)


def _segment(one: ItemShape, item: Item, _num_joints: int) -> list[float] | None:
    if one.kind not in OUTLINED:
        return None
    return [
        value
        for x, y in _ring(one)
        for value in (_share(x, item.width), _share(y, item.height))
    ]


def _obb(one: ItemShape, item: Item, _num_joints: int) -> list[float] | None:
    if one.kind not in {ShapeKind.BOX, ShapeKind.ROTATED_BOX}:
        return None
    return [value for x, y in _ring(one) for value in (x / item.width, y / item.height)]


def _pose(one: ItemShape, item: Item, num_joints: int) -> list[float] | None:
    if one.kind is not ShapeKind.SKELETON:
        return None
    joints = unpack(one.kind, one.packed) or {}
    numbers: list[float] = _centered(one, item)
    for (x, y), visible in zip(joints["points"], joints["visible"], strict=True):
        numbers += [x / item.width, y / item.height, visible]
    return numbers + [0] * (4 + 3 * num_joints - len(numbers))


def _ring(one: ItemShape) -> Ring:
    if one.kind is ShapeKind.BOX:
        x1, y1, x2, y2 = one.bbox
        return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
    return outline(one.kind, one.packed)[0]


def _share(value: float, whole: int) -> float:
    return min(max(value / whole, 0.0), 1.0)


Writer = Callable[[ItemShape, Item, int], list[float] | None]
WRITERS: dict[str, Writer] = {
    "detect": _detect,
    "segment": _segment,
    "obb": _obb,
    "pose": _pose,
}


def read_yolo(archive: Archive, catalog: Catalog, *, task: str) -> Found:
    """Yield what the text files say of images that the project has."""
    names = _names(archive)
    skipped = {"classes.txt", "train.txt", "val.txt", "test.txt", "obj.names"}
    files = [
        name
        for name in archive.names(".txt")
        if PurePosixPath(name).name.lower() not in skipped
    ]
    if not files:
        raise FormatError(_("there is no .txt file of labels in it"))
    for name in files:
        item = catalog.find(name)
        if item is None:
            continue
        shapes = []
        for line_number, line in archive.lines(name):
            where = f"{name} line {line_number}"
            label, values = _values(where, line, names)
            one = READERS[task](where, values, item, label)
            shapes.append(inside(where, one, item))
        yield item, shapes


def _values(where: str, line: str, names: dict[int, str]) -> tuple[str, list[float]]:
    first, *rest = line.split()
    key = int(number(where, first))
    if key not in names:
        raise FormatError(
            _(
                "{where}: no class has the number {first}: name it in data.yaml or "
                "classes.txt"
            ).format(where=where, first=first)
        )
    return names[key], [number(where, text) for text in rest]


def _names(archive: Archive) -> dict[int, str]:
    """Read class names from data.yaml or classes.txt.

    The few forms of YAML that writers of this format use: a mapping by number, a list
    of lines, and a list in brackets.
    """
    for name in archive.names("classes.txt", "obj.names"):
        return dict(enumerate(line for _number, line in archive.lines(name)))
    for name in archive.names(".yaml", ".yml"):
        found = _names_of_yaml(archive.text(name))
        if found:
            return found
    raise FormatError(_("neither data.yaml nor classes.txt names the classes"))


def _names_of_yaml(text: str) -> dict[int, str]:
    match = re.search(r"^names:[ \t]*(.*(?:\n[ \t-]+.*)*)", text, re.MULTILINE)
    if match is None:
        return {}
    body = match.group(1)
    if body.lstrip().startswith("["):
        inner = body[body.index("[") + 1 : body.rindex("]") if "]" in body else None]
        return dict(enumerate(_plain(part) for part in inner.split(",")))
    if rows := re.findall(r"^[ \t]*(\d+):[ \t]*(.+)$", body, re.MULTILINE):
        return {int(key): _plain(value) for key, value in rows}
    rows = re.findall(r"^[ \t]*-[ \t]*(.+)$", body, re.MULTILINE)
    return dict(enumerate(_plain(value) for value in rows))


def _plain(text: str) -> str:
    text = text.strip()
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return str(json.loads(text))
    return text.strip("'")


def _read_detect(where: str, values: list[float], item: Item, label: str) -> ItemShape:
    if len(values) not in {4, 5}:
        raise FormatError(
            _("{where}: a box is class x y width height, got {num} numbers").format(
                where=where, num=len(values)
            )
        )
    x, y, width, height = _scaled(values[:4], item)
    corners = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    score = values[4] if len(values) == 5 else None
    return box(where, corners, label=label, score=score)


def _read_segment(where: str, values: list[float], item: Item, label: str) -> ItemShape:
    if len(values) < 6 or len(values) % 2:
        raise FormatError(
            _("{where}: an outline is class x y x y x y ...").format(where=where)
        )
    geometry = {"points": _pairs(_scaled(values, item))}
    return shape(where, ShapeKind.POLYGON, geometry, label=label)


def _read_obb(where: str, values: list[float], item: Item, label: str) -> ItemShape:
    if len(values) != 8:
        raise FormatError(
            _("{where}: a turned box is class and four corners").format(where=where)
        )
    return turned(where, _pairs(_scaled(values, item)), label=label)


def _read_pose(where: str, values: list[float], item: Item, label: str) -> ItemShape:
    flat = values[4:]
    if len(values) < 7 or len(flat) % 3:
        raise FormatError(
            _("{where}: a pose is class, box, and x y visibility a joint").format(
                where=where
            )
        )
    points = [
        [flat[at] * item.width, flat[at + 1] * item.height]
        for at in range(0, len(flat), 3)
    ]
    geometry: dict[str, Any] = {
        "points": points,
        "visible": [int(value) for value in flat[2::3]],
    }
    return shape(where, ShapeKind.SKELETON, geometry, label=label)


def _scaled(values: list[float], item: Item) -> list[float]:
    sizes = (item.width, item.height)
    return [value * sizes[at % 2] for at, value in enumerate(values)]


def _pairs(values: list[float]) -> Ring:
    return [values[at : at + 2] for at in range(0, len(values), 2)]


Reader = Callable[[str, list[float], Item, str], ItemShape]
READERS: dict[str, Reader] = {
    "detect": _read_detect,
    "segment": _read_segment,
    "obb": _read_obb,
    "pose": _read_pose,
}
