"""What a child process is asked to do: `RUN_DIR/spec.json`. Standard library only."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

KIND_DETECT = "detect"


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
        wire = _as_object(text)
        kind = wire.pop("kind", None)
        if kind != KIND_DETECT:
            raise ValueError(f"spec kind must be {KIND_DETECT!r}, got {kind!r}")
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(wire) - known)
        if unknown:
            raise ValueError(f"spec has unknown fields: {', '.join(unknown)}")
        missing = sorted({"model", "images"} - set(wire))
        if missing:
            raise ValueError(f"spec lacks fields: {', '.join(missing)}")
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


def _as_object(text: str) -> dict[str, Any]:
    wire = json.loads(text)
    if not isinstance(wire, dict):
        raise ValueError(f"spec must be a JSON object, got {type(wire).__name__}")
    return wire
