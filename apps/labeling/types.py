"""What other rooms may know of labeling."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from apps.core.blobs import Blob


class ImageState(StrEnum):
    UNLABELED = "unlabeled"
    IN_PROGRESS = "in_progress"
    SUBMITTED = "submitted"


class Review(StrEnum):
    """What a reviewer said of the labels as they were handed in last."""

    OPEN = ""
    ACCEPTED = "accepted"
    SENT_BACK = "sent_back"


# So long an image that was handed out stays with whoever got it, from her last change.
HELD_FOR = timedelta(hours=2)
# More tests than work would be no work.
MOST_HONEYPOTS = 50
# An image that somebody has finished; what versions and training trust.
DONE_STATES = frozenset({ImageState.SUBMITTED})


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


class Split(StrEnum):
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class MergeRule(StrEnum):
    """Whose an image is that two versions changed, each in its way."""

    UNION = "union"
    OURS = "ours"
    THEIRS = "theirs"
    NEWEST = "newest"


class ImageOrder(StrEnum):
    """How a list of images goes on.

    DOUBT has only images that a model looked at, what it is least sure of first.
    """

    UPLOAD = ""
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which of a project's images, and in which order; what is empty does not matter.

    Attributes:
        state: An ImageState.
        review: What a reviewer chooses among (selectors.REVIEWS).
        name: A part of it, folders included.
        text: A part of a remark, or of what an attribute of an annotation says.
        assignee: Whose turn it is.
        label: Drawn or proposed on it.
        split: Where it was put by hand.
        min_score: Of its proposals, those of ``label`` where that is given, one lies
            between this and ``max_score``.
    """

    state: str = ""
    review: str = ""
    name: str = ""
    text: str = ""
    assignee: int | None = None
    label: int | None = None
    split: str = ""
    min_score: float | None = None
    max_score: float | None = None
    order: ImageOrder = ImageOrder.UPLOAD


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
    """One detection, named by class; pixels, kind and geometry as in Shape."""

    label: str
    score: float
    bbox: tuple[float, float, float, float]
    kind: ShapeKind = ShapeKind.BOX
    geometry: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Per cent of the images that each split is to have; test has the rest.

    Raises:
        ValueError: They are negative or more than 100 together.
    """

    train: int = 80
    val: int = 10

    def __post_init__(self) -> None:
        if self.train < 0 or self.val < 0 or self.train + self.val > 100:
            raise ValueError(
                "train and val are per cent, at most 100 together, "
                f"got {self.train} and {self.val}"
            )

    @property
    def test(self) -> int:
        return 100 - self.train - self.val


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersionInfo:
    """A dataset version as other rooms see it.

    Attributes:
        project: Its project's name.
        number: 1, 2, 3, ... in its project.
        content_hash: 64 hexadecimal digits; equal content has equal hashes.
        classes: Label names in the project's order.
        splits: How many images train, val and test have.
    """

    id: int
    project_id: int
    project: str
    workspace_id: int
    number: int
    note: str
    content_hash: str
    classes: tuple[str, ...]
    num_images: int
    num_annotations: int
    splits: dict[str, int]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPicture:
    """An image of a dataset version as other rooms show it.

    Attributes:
        id: Its number in the version's data.
        image_id: The project's image of the same bytes, for the editor; None where it
            is deleted.
        thumbnail: A small JPEG.
    """

    id: int
    version_id: int
    name: str
    width: int
    height: int
    image_id: int | None
    thumbnail: Blob
