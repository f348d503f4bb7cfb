"""Mask PNGs in the folders of Pascal VOC, as CVAT's "Segmentation mask" has them.

SegmentationClass has a colour a label, SegmentationObject one an object, and
labelmap.txt says which label a colour stands for.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from PIL import Image as Picture

from apps.core.images import DAMAGED
from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.masks import Piece, pack_columns
from apps.labeling.formats.raster import WITH_AREA, pieces_of
from apps.labeling.formats.writing import Out
from apps.labeling.types import ShapeKind

if TYPE_CHECKING:
    import numpy as np

Color = tuple[int, int, int]
BACKGROUND: Color = (0, 0, 0)
LABELS, OBJECTS, MAP = "SegmentationClass", "SegmentationObject", "labelmap.txt"


def write_masks(labels: Sequence[ItemLabel], items: Iterable[Item], out: Out) -> None:
    """Paint what has an area, higher layers over lower ones."""
    colors = _colors(labels)
    rows = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    rows += [f"{name}:{','.join(map(str, c))}::" for name, c in colors.items()]
    out.write(MAP, "\n".join(rows) + "\n")
    listed: dict[str, list[str]] = {}
    for item in items:
        name = out.unique(PurePosixPath(item.name.replace("\\", "/")).name)
        stem = PurePosixPath(name).stem
        painted = sorted(
            (one for one in item.shapes if one.kind in WITH_AREA),
            key=lambda one: one.layer,
        )
        out.num_left_out += len(item.shapes) - len(painted)
        by_label = [(one, colors[one.label]) for one in painted]
        by_object = [(one, voc_color(at)) for at, one in enumerate(painted, start=1)]
        out.write(f"{LABELS}/{stem}.png", _painted(item, by_label))
        out.write(f"{OBJECTS}/{stem}.png", _painted(item, by_object))
        listed.setdefault(item.split or "default", []).append(f"{stem}\n")
    for split, lines in listed.items():
        out.write(f"ImageSets/Segmentation/{split}.txt", "".join(lines))


def voc_color(number: int) -> Color:
    """Pascal VOC's colours: far apart for neighbours, and each its own."""
    red = green = blue = 0
    for shift in range(7, -1, -1):
        red |= (number & 1) << shift
        green |= (number >> 1 & 1) << shift
        blue |= (number >> 2 & 1) << shift
        number >>= 3
    return red, green, blue


def _colors(labels: Sequence[ItemLabel]) -> dict[str, Color]:
    """A label's own colour, or one of VOC's where another label has it."""
    colors: dict[str, Color] = {}
    for label in labels:
        color = _parsed(label.color)
        number = 1
        while color == BACKGROUND or color in colors.values():
            color, number = voc_color(number), number + 1
        colors[label.name] = color
    return colors


def _parsed(text: str) -> Color:
    try:
        red, green, blue = bytes.fromhex(text.lstrip("#"))
    except ValueError:
        return BACKGROUND
    return red, green, blue


def _painted(item: Item, shapes: Iterable[tuple[ItemShape, Color]]) -> bytes:
    """Paint columns, which is how shapes lie in memory, and turn them at the end."""
    cells = bytearray(3 * item.width * item.height)
    for one, color in shapes:
        for column, row, num in pieces_of(one, width=item.width, height=item.height):
            at = 3 * (column * item.height + row)
            cells[at : at + 3 * num] = bytes(color) * num
    turned = Picture.frombytes("RGB", (item.height, item.width), bytes(cells))
    file = io.BytesIO()
    turned.transpose(Picture.Transpose.TRANSPOSE).save(file, "PNG", compress_level=1)
    return file.getvalue()


def read_masks(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    """Yield a mask an object; without pictures of objects, a mask a label."""
    names = archive.names(".png")
    folders = {
        (path.parent.name, path.stem): name
        for name in names
        for path in [PurePosixPath(name)]
    }
    by_label = [key for key in folders if key[0] == LABELS]
    if not by_label:
        raise FormatError(
            _("there is no folder {folder} with .png files in it").format(folder=LABELS)
        )
    labels = _label_map(archive)
    for key in by_label:
        item = catalog.find(f"{key[1]}.png")
        if item is not None:
            objects = folders.get((OBJECTS, key[1]))
            yield item, _masks(archive, folders[key], objects, item, labels)


def _label_map(archive: Archive) -> dict[Color, str]:
    files = [name for name in archive.names(MAP) if PurePosixPath(name).name == MAP]
    if not files:
        raise FormatError(
            _("there is no {file}, which says what each colour stands for").format(
                file=MAP
            )
        )
    labels: dict[Color, str] = {}
    for number, line in archive.lines(files[0]):
        if line.startswith("# label:"):
            continue
        try:
            name, color, _parts, _actions = line.rsplit(":", 3)
            red, green, blue = map(int, color.split(","))
        except ValueError:
            raise FormatError(
                _("{file} line {line}: a line is label:red,green,blue::").format(
                    file=files[0], line=number
                )
            ) from None
        labels[red, green, blue] = name
    return labels


def _masks(
    archive: Archive,
    name: str,
    objects: str | None,
    item: Item,
    labels: dict[Color, str],
) -> list[ItemShape]:
    said = _codes(archive, name, item)
    apart = said if objects is None else _codes(archive, objects, item)
    found = []
    for pieces in _objects(apart, item.height).values():
        column, row, _num = pieces[0]
        code = int(said[column * item.height + row])
        color = (code >> 16, code >> 8 & 255, code & 255)
        if color == BACKGROUND or labels.get(color) == "background":
            continue
        if color not in labels:
            raise FormatError(
                _("{name}: no label has the colour {color}").format(
                    name=name, color=",".join(map(str, color))
                )
            )
        packed = pack_columns(pieces)
        x, y, across, down = memoryview(packed[:16]).cast("i")
        found.append(
            ItemShape(
                label=labels[color],
                kind=ShapeKind.MASK,
                bbox=(float(x), float(y), float(x + across), float(y + down)),
                packed=packed,
            )
        )
    return found


def _codes(archive: Archive, name: str, item: Item) -> "np.ndarray[Any, Any]":
    """Each pixel's colour as one number, column by column."""
    import numpy as np  # noqa: PLC0415 -- pages of a web process do without it

    try:
        with Picture.open(io.BytesIO(archive.read(name)), formats=["PNG"]) as picture:
            if picture.size != (item.width, item.height):
                raise FormatError(
                    _("{name}: it is {size}, its image {width} x {height}").format(
                        name=name,
                        size=" x ".join(map(str, picture.size)),
                        width=item.width,
                        height=item.height,
                    )
                )
            pixels = np.asarray(picture.convert("RGB"), dtype=np.uint32)
    except DAMAGED as exc:
        raise FormatError(
            _("{name} is no picture that can be read: {reason}").format(
                name=name, reason=exc
            )
        ) from exc
    codes = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    return codes.T.ravel()


def _objects(codes: "np.ndarray[Any, Any]", height: int) -> dict[int, list[Piece]]:
    """The pixels of each colour but black, in the order in which VOC numbers them."""
    import numpy as np  # noqa: PLC0415 -- pages of a web process do without it

    changes = codes[1:] != codes[:-1]
    changes[height - 1 :: height] = True  # a piece ends with its column
    begins = np.concatenate(([0], np.flatnonzero(changes) + 1))
    lengths = np.diff(np.concatenate((begins, [len(codes)])))
    found: dict[int, list[Piece]] = {}
    values = codes[begins]
    for begin, length, code in zip(
        begins.tolist(), lengths.tolist(), values.tolist(), strict=True
    ):
        if code:
            found.setdefault(code, []).append((*divmod(begin, height), length))
    order = sorted(found, key=_voc_number)
    return {code: found[code] for code in order}


def _voc_number(code: int) -> int:
    """Undo voc_color."""
    number = 0
    for bit in range(8):
        for channel, shift in enumerate((16, 8, 0)):
            number |= (code >> shift + 7 - bit & 1) << 3 * bit + channel
    return number
