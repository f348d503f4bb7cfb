"""What other rooms may know of labeling."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID


class ImageState(StrEnum):
    UNLABELED = "unlabeled"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"


class ShapeKind(StrEnum):
    BOX = "box"
    ROTATED_BOX = "rotated_box"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"
    POLYLINE = "polyline"
    POINTS = "points"
    MASK = "mask"
    SKELETON = "skeleton"
    TAG = "tag"


class AttributeKind(StrEnum):
    SELECT = "select"
    CHECKBOX = "checkbox"
    NUMBER = "number"
    TEXT = "text"


class Says(StrEnum):
    """What a reviewer says of a proposal."""

    ACCEPT = "accept"
    REJECT = "reject"
    OPEN = "open"


class Source(StrEnum):
    HUMAN = "human"
    PREDICTION = "prediction"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An annotation as a client states it.

    Attributes:
        bbox: x1, y1, x2, y2 in pixels of the upright original image; read for a box,
            worked out from the geometry for every other kind.
        group: Shapes of one group belong together; None for one alone.
        layer: Higher ones lie above lower ones.
        geometry: What the API states beside the box, by kind; None for a box.
        score: The model's confidence where a prediction was taken over, else None.
    """

    id: UUID
    label_id: int
    kind: ShapeKind
    bbox: tuple[float, float, float, float]
    geometry: dict[str, Any] | None = None
    source: Source = Source.HUMAN
    score: float | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    is_occluded: bool = False
    is_truncated: bool = False
    group: UUID | None = None
    layer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    id: UUID


Operation = Put | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One detection, named by class; pixels as in Shape."""

    label: str
    score: float
    bbox: tuple[float, float, float, float]
