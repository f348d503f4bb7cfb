"""What a child process says, one JSON object a line. Standard library only."""

import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """``num_steps`` counts what ``Progress`` counts up to."""

    type: ClassVar[str] = "started"
    tools: tuple[str, ...]
    num_images: int
    num_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """``tool`` is empty while predictions are made."""

    type: ClassVar[str] = "progress"
    tool: str
    num_done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolDone:
    """The result lies in the file ``path``."""

    type: ClassVar[str] = "tool_done"
    tool: str
    path: str
    seconds: float
    is_cached: bool
    skipped: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    type: ClassVar[str] = "finished"
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why it cannot be: a marked sentence and what fills its places."""

    type: ClassVar[str] = "refused"
    text: str
    figures: dict[str, Any]


Event = Started | Progress | ToolDone | Finished | Refused
_BY_TYPE: dict[str, type[Event]] = {
    kind.type: kind for kind in (Started, Progress, ToolDone, Finished, Refused)
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
    if "tools" in wire:
        wire["tools"] = tuple(wire["tools"])
    try:
        return _BY_TYPE[kind](**wire)
    except TypeError as error:
        raise ValueError(f"event {kind!r} does not fit: {error}") from error
