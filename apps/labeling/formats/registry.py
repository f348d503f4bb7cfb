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
from apps.labeling.formats.cvat_video import read_cvat_video, write_cvat_video
from apps.labeling.formats.datumaro import read_datumaro, write_datumaro
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.labelme import read_labelme, write_labelme
from apps.labeling.formats.labelstudio import read_labelstudio, write_labelstudio
from apps.labeling.formats.mask_png import read_masks, write_masks
from apps.labeling.formats.table import read_table, write_table
from apps.labeling.formats.voc import read_voc, write_voc
from apps.labeling.formats.writing import Out
from apps.labeling.formats.yolo import read_yolo, write_yolo

Write = Callable[[Sequence[ItemLabel], Iterable[Item], Out], None]
Read = Callable[[Archive, Catalog], Iterator[tuple[Item, list[ItemShape]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A form of annotations.

    Attributes:
        pictures: Where tools that know it look for an image; ``{path}`` is its name
            with folders, ``{name}`` without.
        no_split: What stands for ``{split}`` where an image has none.
    """

    name: str
    title: str
    write: Write
    read: Read
    pictures: str = "images/{path}"
    no_split: str = "default"


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
                pictures="images/{split}/{name}",
                no_split="train",
            )
            for task in ("detect", "segment", "obb", "pose")
        ),
        Format(
            name="voc",
            title="Pascal VOC",
            write=write_voc,
            read=read_voc,
            pictures="JPEGImages/{name}",
        ),
        Format(name="cvat", title="CVAT XML 1.1", write=write_cvat, read=read_cvat),
        Format(
            name="cvat-video",
            title="CVAT XML 1.1 for videos",
            write=write_cvat_video,
            read=read_cvat_video,
        ),
        Format(
            name="label-studio",
            title="Label Studio JSON",
            write=write_labelstudio,
            read=read_labelstudio,
        ),
        Format(
            name="datumaro",
            title="Datumaro JSON",
            write=write_datumaro,
            read=read_datumaro,
            pictures="images/{split}/{path}",
        ),
        Format(
            name="labelme",
            title="LabelMe",
            write=write_labelme,
            read=read_labelme,
            pictures="{name}",
        ),
        Format(
            name="masks",
            title="Mask PNGs",
            write=write_masks,
            read=read_masks,
            pictures="JPEGImages/{name}",
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
