"""Pascal VOC: an XML file an image; boxes only, in pixels."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import box, inside, number
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

CORNERS = ("xmin", "ymin", "xmax", "ymax")


def write_voc(_labels: Sequence[ItemLabel], items: Iterable[Item], out: Out) -> None:
    """Write boxes; other shapes are written as the boxes around them."""
    listed: dict[str, list[str]] = {}
    for item in items:
        name = out.unique(PurePosixPath(item.name.replace("\\", "/")).name)
        root = ET.Element("annotation")
        ET.SubElement(root, "folder").text = "JPEGImages"
        ET.SubElement(root, "filename").text = item.name
        size = ET.SubElement(root, "size")
        for key, value in (
            ("width", item.width),
            ("height", item.height),
            ("depth", 3),
        ):
            ET.SubElement(size, key).text = str(value)
        for one in item.shapes:
            if one.kind is ShapeKind.TAG:
                out.num_left_out += 1
            else:
                _object(root, one)
        stem = PurePosixPath(name).stem
        out.write(f"Annotations/{stem}.xml", ET.tostring(root, encoding="unicode"))
        listed.setdefault(item.split or "default", []).append(f"{stem}\n")
    for split, lines in listed.items():
        out.write(f"ImageSets/Main/{split}.txt", "".join(lines))


def _object(root: ET.Element, one: ItemShape) -> None:
    node = ET.SubElement(root, "object")
    ET.SubElement(node, "name").text = one.label
    ET.SubElement(node, "pose").text = "Unspecified"
    ET.SubElement(node, "truncated").text = str(int(one.is_truncated))
    ET.SubElement(node, "occluded").text = str(int(one.is_occluded))
    ET.SubElement(node, "difficult").text = "0"
    frame = ET.SubElement(node, "bndbox")
    for key, value in zip(CORNERS, one.bbox, strict=True):
        ET.SubElement(frame, key).text = repr(value)


def read_voc(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    for file in archive.some(".xml"):
        root = archive.xml(file)
        if root.tag != "annotation":
            raise FormatError(
                _("{file}: not Pascal VOC, it begins with <{tag}>").format(
                    file=file, tag=root.tag
                )
            )
        item = catalog.find(root.findtext("filename") or file)
        if item is None:
            continue
        shapes = []
        for at, node in enumerate(root.iter("object"), start=1):
            where = f"{file} object {at}"
            frame = node.find("bndbox")
            label = (node.findtext("name") or "").strip()
            if frame is None or not label:
                raise FormatError(
                    _("{where}: it needs a name and a bndbox").format(where=where)
                )
            one = box(
                where,
                [number(where, frame.findtext(key)) for key in CORNERS],
                label=label,
                is_truncated=node.findtext("truncated") == "1",
                is_occluded=node.findtext("occluded") == "1",
            )
            shapes.append(inside(where, one, item))
        yield item, shapes
