"""CSV: a line an object, a header line first."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from django.utils.translation import gettext as _

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.shapes import box, inside, number, uid
from apps.labeling.formats.writing import Out

COLUMNS = (
    "image", "split", "label", "kind", "x1", "y1", "x2", "y2", "score", "occluded",
    "truncated", "id",
)  # fmt: skip
NEEDED = ("image", "label", "x1", "y1", "x2", "y2")
TRUE = {"1", "true", "yes"}


def write_table(_labels: Sequence[ItemLabel], items: Iterable[Item], out: Out) -> None:
    """Write each object's box; an image without objects has a line of its own."""
    out.stream("annotations.csv", _lines(items))


def _lines(items: Iterable[Item]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for item in items:
        for one in item.shapes:
            score = "" if one.score is None else one.score
            flags = (int(one.is_occluded), int(one.is_truncated))
            writer.writerow(
                [
                    item.name,
                    item.split,
                    one.label,
                    one.kind,
                    *one.bbox,
                    score,
                    *flags,
                    one.id,
                ]
            )
        if not item.shapes:
            writer.writerow([item.name, item.split] + [""] * (len(COLUMNS) - 2))
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def read_table(
    archive: Archive, catalog: Catalog
) -> Iterator[tuple[Item, list[ItemShape]]]:
    for name in archive.some(".csv"):
        found: dict[int, tuple[Item, list[ItemShape]]] = {}
        reader = csv.DictReader(io.StringIO(archive.text(name), newline=""))
        if missing := set(NEEDED) - set(reader.fieldnames or ()):
            raise FormatError(
                _("{name} line 1: no column {names}").format(
                    name=name, names=", ".join(sorted(missing))
                )
            )
        for row in reader:
            where = f"{name} line {reader.line_num}"
            item = catalog.find(row["image"] or "")
            if item is None:
                continue
            shapes = found.setdefault(item.id, (item, []))[1]
            if row["label"]:
                shapes.append(inside(where, _shape(where, row), item))
        yield from found.values()


def _shape(where: str, row: dict[str, str | None]) -> ItemShape:
    return box(
        where,
        [number(where, row[key]) for key in ("x1", "y1", "x2", "y2")],
        label=row["label"],
        score=number(where, row["score"]) if row.get("score") else None,
        is_occluded=(row.get("occluded") or "").lower() in TRUE,
        is_truncated=(row.get("truncated") or "").lower() in TRUE,
        id=uid(row.get("id")),
    )
