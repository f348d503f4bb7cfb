"""What changed from one dataset version to another."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.labeling.formats.frozen import (
    Piece,
    label_ids,
    piece_id,
    piece_label,
    pieces,
)
from apps.labeling.models import DatasetVersion

CHUNK = 500
NUM_IMAGES_TOLD = 60
# Images are told apart by their bytes, whatever they are called.
CHANGED_SQL = """
WITH a AS (
  SELECT f.* FROM labeling_versionimage v JOIN labeling_frozenimage f
    ON f.id = v.image_id WHERE v.version_id = %(old)s
), b AS (
  SELECT f.* FROM labeling_versionimage v JOIN labeling_frozenimage f
    ON f.id = v.image_id WHERE v.version_id = %(new)s
)
SELECT a.id, b.id, a.name, b.name, a.shapes, b.shapes, a.extras, b.extras
FROM a FULL JOIN b ON a.sha256 = b.sha256
WHERE a.id IS DISTINCT FROM b.id
"""
MOVED_SQL = """
SELECT count(*) FROM labeling_versionimage v
JOIN labeling_frozenimage f ON f.id = v.image_id
JOIN labeling_frozenimage g ON g.sha256 = f.sha256 AND g.project_id = f.project_id
JOIN labeling_versionimage w ON w.image_id = g.id AND w.version_id = %(new)s
WHERE v.version_id = %(old)s AND v.split <> w.split
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Annotations that came, went, or are not as they were."""

    added: int = 0
    removed: int = 0
    changed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            added=self.added + other.added,
            removed=self.removed + other.removed,
            changed=self.changed + other.changed,
        )

    @property
    def total(self) -> int:
        return self.added + self.removed + self.changed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDifference:
    """One image; without ``old_id`` it is new, without ``new_id`` it is gone.

    The ids are those of frozen images.
    """

    name: str
    old_id: int | None
    new_id: int | None
    tally: Tally

    @property
    def kind(self) -> str:
        if self.old_id is None:
            return "added"
        return "removed" if self.new_id is None else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """From ``old`` to ``new``.

    Attributes:
        images: The first of them, in no order that means anything.
        num_images: By kind: added, removed, changed.
        num_moved: Images in another split.
        classes: By label name; a label that was renamed counts under its new name.
        labels: Names that came, and names that went.
        renamed: Old name and new name.
    """

    images: Sequence[ImageDifference]
    num_images: dict[str, int]
    num_moved: int
    classes: dict[str, Tally]
    labels_added: Sequence[str]
    labels_removed: Sequence[str]
    renamed: Sequence[tuple[str, str]]

    @property
    def tally(self) -> Tally:
        return sum(self.classes.values(), start=Tally())


def diff_versions(*, old: DatasetVersion, new: DatasetVersion) -> Difference:
    """Compare two versions of one project; reads only images that differ."""
    before = {row["id"]: row["name"] for row in old.taxonomy}
    after = {row["id"]: row["name"] for row in new.taxonomy}
    told: list[ImageDifference] = []
    num_images = dict.fromkeys(("added", "removed", "changed"), 0)
    by_label: dict[int, Tally] = {}
    for row in _rows(old, new):
        old_id, new_id, old_name, new_name, *content = row
        tallies = compare(*content)
        one = ImageDifference(
            name=new_name or old_name,
            old_id=old_id,
            new_id=new_id,
            tally=sum(tallies.values(), start=Tally()),
        )
        num_images[one.kind] += 1
        if len(told) < NUM_IMAGES_TOLD:
            told.append(one)
        for label_id, tally in tallies.items():
            by_label[label_id] = by_label.get(label_id, Tally()) + tally
    names = before | after
    return Difference(
        images=told,
        num_images=num_images,
        num_moved=_num_moved(old, new),
        classes={names[key]: tally for key, tally in sorted(by_label.items())},
        labels_added=[name for key, name in after.items() if key not in before],
        labels_removed=[name for key, name in before.items() if key not in after],
        renamed=[
            (name, after[key])
            for key, name in before.items()
            if key in after and after[key] != name
        ],
    )


def _rows(old: DatasetVersion, new: DatasetVersion) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(CHANGED_SQL, {"old": old.pk, "new": new.pk})
        while rows := cursor.fetchmany(CHUNK):
            yield from rows


def _num_moved(old: DatasetVersion, new: DatasetVersion) -> int:
    with connection.cursor() as cursor:
        cursor.execute(MOVED_SQL, {"old": old.pk, "new": new.pk})
        (num,) = cursor.fetchone()
    return int(num)


def compare(
    old_shapes: bytes | None,
    new_shapes: bytes | None,
    old_extras: str | None,
    new_extras: str | None,
) -> dict[int, Tally]:
    """What came and went on an image, by label id; None for no such image."""
    if old_shapes is None:
        came = Counter(label_ids(bytes(new_shapes or b"")))
        return {label_id: Tally(added=num) for label_id, num in came.items()}
    if new_shapes is None:
        went = Counter(label_ids(bytes(old_shapes)))
        return {label_id: Tally(removed=num) for label_id, num in went.items()}
    old = pieces(bytes(old_shapes), old_extras or "")
    new = pieces(bytes(new_shapes), new_extras or "")
    return _tally(old - new, new - old)


def _tally(gone: set[Piece], come: set[Piece]) -> dict[int, Tally]:
    gone_of = {piece_id(piece): piece for piece in gone}
    come_of = {piece_id(piece): piece for piece in come}
    changed = Counter(piece_label(come_of[key]) for key in gone_of.keys() & come_of)
    added = Counter(piece_label(come_of[key]) for key in come_of.keys() - gone_of)
    removed = Counter(piece_label(gone_of[key]) for key in gone_of.keys() - come_of)
    return {
        label_id: Tally(
            added=added[label_id],
            removed=removed[label_id],
            changed=changed[label_id],
        )
        for label_id in {*changed, *added, *removed}
    }
