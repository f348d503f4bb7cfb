"""What every format reads and writes: images with shapes, by name and in pixels."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from apps.labeling.formats.geometry import BBox
from apps.labeling.types import ShapeKind, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLabel:
    """A class of objects.

    Attributes:
        skeleton: Names of joints, and edges between them by number; empty for none.
    """

    name: str
    color: str = ""
    skeleton: dict[str, Any] = field(default_factory=dict)


class ItemShape(NamedTuple):
    """One object; a tuple is made in a third of a dataclass's time, a million at a time.

    Attributes:
        id: None where a file gives none.
        bbox: x1, y1, x2, y2 in pixels of the upright original.
        packed: Geometry beyond the box (labeling.formats.geometry).
        attributes: By name; to be read only, since shapes without any share them.
    """

    label: str
    kind: ShapeKind
    bbox: BBox
    packed: bytes = b""
    id: UUID | None = None
    source: Source = Source.HUMAN
    score: float | None = None
    attributes: dict[str, Any] = {}
    is_occluded: bool = False
    is_truncated: bool = False
    group: UUID | None = None
    layer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One image and all that is on it.

    Attributes:
        id: Its number in the project; 0 where a file gives none.
        sha256: Of its bytes; empty where a file gives none.
        split: train, val, test, or empty.
    """

    name: str
    width: int
    height: int
    shapes: tuple[ItemShape, ...] = ()
    id: int = 0
    sha256: str = ""
    split: str = ""
