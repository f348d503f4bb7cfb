"""What the client gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

ENDED = frozenset({"done", "failed", "cancelled"})


class FromWire:
    """Reads the fields it knows, so that a newer server may say more."""

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}  # type: ignore[arg-type]  # subclasses are dataclasses
        return cls(**{name: value for name, value in wire.items() if name in known})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace(FromWire):
    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(FromWire):
    id: int
    workspace_id: int
    name: str
    guide: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion(FromWire):
    """A frozen state of a project.

    Attributes:
        number: 1, 2, 3, ... in its project.
        content_hash: Equal content has equal hashes.
        splits: How many images train, val and test have.
        parent_id: The version that it came of, or that ``merged_id`` was merged into.
        merge_rule: Settled ``num_conflicts`` images that both had changed.
    """

    id: int
    project_id: int
    number: int
    note: str
    content_hash: str
    classes: list[str]
    splits: dict[str, int]
    num_images: int
    num_annotations: int
    created_at: str
    parent_id: int | None = None
    merged_id: int | None = None
    merge_rule: str = ""
    num_conflicts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(FromWire):
    """A long piece of work.

    Attributes:
        status: queued, starting, running, finishing, done, failed or cancelled.
        last_seq: Number of its newest event.
        error: Why it failed, else empty.
    """

    id: str
    kind: str
    title: str
    status: str
    num_done: int
    num_total: int
    last_seq: int
    error: str
    result: dict[str, Any]

    @property
    def is_over(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(FromWire):
    """News of a job, numbered 1, 2, 3, ...

    Attributes:
        kind: state, progress, item or log.
    """

    seq: int
    kind: str
    payload: dict[str, Any]
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Uploaded:
    """What became of one file.

    Attributes:
        image_id: None where it was refused.
        is_new: False where the project had these bytes already.
        error: Why it was refused, else empty.
    """

    path: Path
    image_id: int | None = None
    is_new: bool = False
    error: str = ""
