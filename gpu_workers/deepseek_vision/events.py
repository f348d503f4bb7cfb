"""What a child process says, one JSON object a line. Standard library only."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    type: ClassVar[str] = "started"
    model: str
    revision: str
    classes: tuple[str, ...]
    num_images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObject:
    """A box in pixels of the upright original image: left, top, right, bottom.

    Attributes:
        kind: "box", or what else `geometry` is: "polygon" or "mask".
        geometry: Of a polygon its `points` and `holes`; of a mask its `origin`, `size`
            and `counts`, runs down the columns of that rectangle, of 0 first.
    """

    label: str
    score: float
    bbox: tuple[float, float, float, float]
    kind: str = "box"
    geometry: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDetected:
    type: ClassVar[str] = "image_detected"
    image_id: int
    width: int
    height: int
    detections: tuple[FoundObject, ...]
    elapsed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFailed:
    type: ClassVar[str] = "image_failed"
    image_id: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    type: ClassVar[str] = "finished"
    num_images: int
    num_detections: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStarted:
    """`first_step` is above 0 where a checkpoint is gone on from.

    The figures up to it follow again: an earlier reader may have missed the last.
    """

    type: ClassVar[str] = "training_started"
    num_images: int
    num_steps: int
    num_parameters: int
    classes: tuple[str, ...]
    first_step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """Losses are means since the last such event.

    Attributes:
        grad_norm: Mean length of the gradient before it was clipped.
        data_share: Share of the time that went into drawing pictures.
    """

    type: ClassVar[str] = "step_done"
    step: int
    loss: float
    lr: float
    images_per_s: float
    losses: dict[str, float] = field(default_factory=dict)
    grad_norm: float | None = None
    data_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationDone:
    """COCO figures in [0, 1]; -1 where no object of that size exists."""

    type: ClassVar[str] = "evaluation_done"
    step: int
    metrics: dict[str, float]
    is_best: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplesPredicted:
    """What the model finds in the same few validation pictures, each evaluation."""

    type: ClassVar[str] = "samples_predicted"
    step: int
    samples: tuple["Sample", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A picture by its name in the data, with boxes in its own pixels."""

    file_name: str
    width: int
    height: int
    found: tuple[FoundObject, ...]
    truth: tuple[FoundObject, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointSaved:
    """A run that is cut off goes on from here."""

    type: ClassVar[str] = "checkpoint_saved"
    step: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFinished:
    type: ClassVar[str] = "training_finished"
    num_steps: int
    best: dict[str, float]
    elapsed_s: float
    path: str


Event = (
    Started
    | ImageDetected
    | ImageFailed
    | Finished
    | TrainingStarted
    | StepDone
    | EvaluationDone
    | SamplesPredicted
    | CheckpointSaved
    | TrainingFinished
)

_BY_TYPE: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        Started,
        ImageDetected,
        ImageFailed,
        Finished,
        TrainingStarted,
        StepDone,
        EvaluationDone,
        SamplesPredicted,
        CheckpointSaved,
        TrainingFinished,
    )
}


def to_wire(event: Event) -> str:
    """One line of JSON without its line end."""
    return json.dumps({"type": event.type, **asdict(event)}, separators=(",", ":"))


def from_wire(line: str) -> Event:
    """The event a line stands for.

    Raises:
        ValueError: when the line is not an event of this package.
    """
    wire: dict[str, Any] = json.loads(line)
    kind = wire.pop("type", None)
    if kind not in _BY_TYPE:
        raise ValueError(f"unknown event type {kind!r}")
    if kind == ImageDetected.type:
        wire["detections"] = _objects(wire["detections"])
    if kind == SamplesPredicted.type:
        wire["samples"] = tuple(
            Sample(
                **{
                    **one,
                    "found": _objects(one["found"]),
                    "truth": _objects(one["truth"]),
                }
            )
            for one in wire["samples"]
        )
    if "classes" in wire:
        wire["classes"] = tuple(wire["classes"])
    try:
        return _BY_TYPE[kind](**wire)
    except TypeError as error:
        raise ValueError(f"event {kind!r} does not fit: {error}") from error


def _objects(wire: list[dict[str, Any]]) -> tuple[FoundObject, ...]:
    return tuple(FoundObject(**{**one, "bbox": tuple(one["bbox"])}) for one in wire)
