"""What a child process is asked to do: `RUN_DIR/spec.json`. Standard library only."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from deepseek_vision.training.recipe import PRESETS, Recipe, preset

KIND_DETECT = "detect"
KIND_TRAIN = "train"

__all__ = [
    "PRESETS",
    "DetectSpec",
    "ImageRef",
    "Recipe",
    "TrainSpec",
    "preset",
    "read_spec",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """One picture of a request; `id` comes back in its event."""

    id: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSpec:
    """Pre-label `images` with `model`.

    `model` is a shipped name or a model directory. `labels` restricts the answer to
    those of its classes; names that it does not know are left out. None keeps all.
    """

    model: str
    images: tuple[ImageRef, ...]
    precision: str = "int8"
    score_threshold: float = 0.05
    batch_size: int = 4
    num_threads: int = 1
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse values that no run could serve.

        Raises:
            ValueError: naming the field and the value.
        """
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(
                f"score_threshold must be in [0, 1], got {self.score_threshold}"
            )
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, got {self.num_threads}")

    def to_json(self) -> str:
        return json.dumps({"kind": KIND_DETECT, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec.

        Raises:
            ValueError: when the text is not a detect spec; the message names the field.
        """
        wire = _fields_of(text, KIND_DETECT, cls, required={"model", "images"})
        if wire.get("labels") is not None:
            wire["labels"] = tuple(str(name) for name in wire["labels"])
        wire["images"] = tuple(
            ImageRef(id=int(image["id"]), path=str(image["path"]))
            for image in wire["images"]
        )
        return cls(**wire)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        return cls.from_json(path.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSpec:
    """Train a detector; the model goes to RUN_DIR/model, checkpoints beside it.

    Attributes:
        data: Folders with annotations.json and images/.
        preset: Names the recipe that `changes` are made to.
        start_from: A shipped name or a model directory to begin with; None is from
            nothing.
        device: "cpu" or "cuda:0".
        num_threads: CPU threads; 0 leaves it to the machine.
        checkpoint_every_s: Seconds between checkpoints.
        num_samples: Validation pictures whose predictions each evaluation tells.
    """

    name: str
    data: tuple[str, ...]
    preset: str = "standard"
    changes: dict[str, Any] = field(default_factory=dict)
    start_from: str | None = None
    device: str = "cpu"
    num_threads: int = 0
    checkpoint_every_s: float = 20.0
    num_samples: int = 6

    def __post_init__(self) -> None:
        """Refuse what no run could use.

        Raises:
            ValueError: naming the field and the value.
            DatasetError: for a preset that does not exist.
        """
        if not self.data:
            raise ValueError("data must name at least one folder")
        if self.checkpoint_every_s < 0:
            raise ValueError(
                f"checkpoint_every_s must not be negative, got {self.checkpoint_every_s}"
            )
        self.recipe()

    def recipe(self) -> Recipe:
        return preset(self.preset, **self.changes)

    def to_json(self) -> str:
        return json.dumps({"kind": KIND_TRAIN, **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec.

        Raises:
            ValueError: when the text is not a train spec; the message names the field.
        """
        wire = _fields_of(text, KIND_TRAIN, cls, required={"name", "data"})
        wire["data"] = tuple(str(one) for one in wire["data"])
        return cls(**wire)


def read_spec(path: Path) -> DetectSpec | TrainSpec:
    """Read a spec file of either kind.

    Raises:
        ValueError: when it is neither.
    """
    text = path.read_text(encoding="utf-8")
    kind = _as_object(text).get("kind")
    if kind == KIND_TRAIN:
        return TrainSpec.from_json(text)
    return DetectSpec.from_json(text)


def _fields_of(
    text: str, kind: str, cls: type, *, required: set[str]
) -> dict[str, Any]:
    wire = _as_object(text)
    given = wire.pop("kind", None)
    if given != kind:
        raise ValueError(f"spec kind must be {kind!r}, got {given!r}")
    known = {one.name for one in fields(cls)}
    unknown = sorted(set(wire) - known)
    if unknown:
        raise ValueError(f"spec has unknown fields: {', '.join(unknown)}")
    missing = sorted(required - set(wire))
    if missing:
        raise ValueError(f"spec lacks fields: {', '.join(missing)}")
    return wire


def _as_object(text: str) -> dict[str, Any]:
    wire = json.loads(text)
    if not isinstance(wire, dict):
        raise ValueError(f"spec must be a JSON object, got {type(wire).__name__}")
    return wire
