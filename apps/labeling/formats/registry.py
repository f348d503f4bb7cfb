"""All formats by the name that people choose."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from django.utils.translation import gettext as _

from apps.labeling.errors import UnknownFormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.coco import write_coco
from apps.labeling.formats.coco_reading import read_coco
from apps.labeling.formats.cvat import read_cvat, write_cvat
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.labelstudio import read_labelstudio, write_labelstudio
from apps.labeling.formats.table import read_table, write_table
from apps.labeling.formats.voc import read_voc, write_voc
from apps.labeling.formats.writing import Out
from apps.labeling.formats.yolo import read_yolo, write_yolo

Write = Callable[[Sequence[ItemLabel], Iterable[Item], Out], None]
Read = Callable[[Archive, Catalog], Iterator[tuple[Item, list[ItemShape]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    name: str
    title: str
    write: Write
    read: Read


FORMATS = {
    row.name: row
    for row in (
        Format(name="coco", title="COCO", write=write_coco, read=read_coco),
        *(
            Format(
                name=f"yolo-{task}",
                title=f"YOLO {task}",
                write=partial(write_yolo, task=task),
                read=partial(read_yolo, task=task),
            )
            for task in ("detect", "segment", "obb", "pose")
        ),
        Format(name="voc", title="Pascal VOC", write=write_voc, read=read_voc),
        Format(name="cvat", title="CVAT XML 1.1", write=write_cvat, read=read_cvat),
        Format(
            name="label-studio",
            title="Label Studio JSON",
            write=write_labelstudio,
            read=read_labelstudio,
        ),
        Format(name="csv", title="CSV", write=write_table, read=read_table),
    )
}


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        UnknownFormatError: None is called that; the message lists all.
    """
    if name not in FORMATS:
        raise UnknownFormatError(
            _("no format is called {name!r}; there are: {names}").format(
                name=name, names=", ".join(FORMATS)
            )
        )
    return FORMATS[name]
