"""What other rooms may know of models."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

# The namespace of what ships with the platform.
PACKAGED = "dsportal"
OWN_FORMAT = "dsportal-detector"
SEGMENTER_FORMAT = "dsportal-segmenter"
INSTANCES_FORMAT = "dsportal-instances"  # boxes, each with its mask
CLICK_FORMAT = "dsportal-click"  # answers clicks, not pictures
WEIGHTS = ("model.int8.onnx", "model.onnx")  # what is served, the first there is
OPENED = (".safetensors", ".onnx")  # whose headers are shown
MAIN = "main"
# What lists are narrowed down by, and the column of each; model_facets() in the database
# strings them together in this order.
FACETS = {
    "task": "task",
    "licence": "licence",
    "framework": "frameworks",
    "precision": "precisions",
    "library": "library",
    "language": "languages",
    "gate": "gate",
    "speed": "speed",
}
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?"


class Kind(StrEnum):
    """What a repository holds."""

    MODEL = "model"
    DATASET = "dataset"


class Visibility(StrEnum):
    """Who may see a repository: everybody here, its workspace, its maker and managers."""

    PUBLIC = "public"
    WORKSPACE = "workspace"
    PRIVATE = "private"


class Gate(StrEnum):
    """How somebody from outside the workspace comes to a gated repository's files."""

    OPEN = "open"
    AUTO = "auto"
    MANUAL = "manual"


class Asked(StrEnum):
    """How a request for a gated repository stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class Verdict(StrEnum):
    """What scanners say of a file; what none of them understands is not called clean."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    NOT_COVERED = "not_covered"


class Speed(StrEnum):
    """How long a model takes here for a picture, as a class to choose by."""

    MS_10 = "10"
    MS_50 = "50"
    MS_200 = "200"
    SLOWER = "slower"
    UNMEASURED = "unmeasured"

    @classmethod
    def of(cls, time_ms: float) -> "Speed":
        within = (
            one for one in (cls.MS_10, cls.MS_50, cls.MS_200) if time_ms <= int(one)
        )
        return next(within, cls.SLOWER)


class RefKind(StrEnum):
    BRANCH = "branch"
    TAG = "tag"


def repository_name(text: str) -> str:
    """Turn a title such as "Line 3, scratches" into a name that a repository may have."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", text)
    plain = re.sub(r"-{2,}|\.{2,}", "-", plain)[:96].strip("-._")
    return plain or "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a revision comes from.

    Attributes:
        job_id: The job that made it; a job publishes exactly one revision.
        dataset_version_id: What it was trained on.
        base_revision_id: The revision that training, distillation or quantisation
            started from.
        relation: What was done to the base: "finetune", "distil", "quantize" or "prune".
        code_version: Of the code that made it.
        config: The job's settings.
        metrics: Name to number, as the job measured them.
    """

    job_id: str | None = None
    dataset_version_id: int | None = None
    base_revision_id: int | None = None
    relation: str = ""
    code_version: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


# Among a job's params: ids of the revisions whose files it reads until it is over.
READS = "revision_ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Something that runs from a revision, so that its repository is not purged.

    Attributes:
        kind: In a word or two, such as "Endpoint".
        title: Its name.
        workspace_id: Who may know of it.
        url: Its page.
    """

    kind: str
    title: str
    workspace_id: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Something in a model's lineage.

    Attributes:
        kind: In a word or two, such as "Training run".
        title: Its name.
        says: A few words beside the kind, such as how it was made.
        url: Its page; empty where the reader may not see it.
        is_here: The model whose lineage it is.
    """

    kind: str
    title: str
    says: str = ""
    url: str = ""
    is_here: bool = False

    @property
    def heading(self) -> str:
        return f"{self.kind} \N{MIDDLE DOT} {self.says}" if self.says else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a thread is about.

    Attributes:
        kind: "model" for repositories, else as its room names it.
        name: As people call it.
        workspace_id: Whose it is; None where it ships with the platform.
        url: Its page; empty where it has none.
    """

    kind: str
    id: int
    name: str
    workspace_id: int | None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """A model as other rooms see it.

    Attributes:
        full_name: ``namespace/name``, its address.
        workspace_id: None where it ships with the platform.
        revision_id: The row of its newest revision on main; None while it has none.
    """

    id: int
    full_name: str
    workspace_id: int | None
    task: str
    summary: str
    licence: str
    revision_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRevisionInfo:
    """One state of a model's files, which never changes.

    Attributes:
        id: Its row.
        model_id: The row of its model.
        full_name: ``namespace/name`` of its model.
        revision: The commit, 40 hexadecimal digits.
        classes: What it can find, in the order of its outputs; empty where unknown.
        config: Its ``config.json``.
        lineage: Where it comes from; None where somebody uploaded it.
    """

    id: int
    model_id: int
    full_name: str
    workspace_id: int | None
    revision: str
    task: str
    classes: tuple[str, ...]
    config: dict[str, Any]
    size_bytes: int
    created_at: datetime
    lineage: Lineage | None


class Answers(StrEnum):
    """What a served model says about what it is sent."""

    DETECTIONS = "detections"
    LABELS = "labels"
    SEGMENTS = "segments"
    TENSORS = "tensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Servable:
    """A model that ``model_server`` runs from a checkout of its revision.

    Attributes:
        revision_id: The row of its revision.
        name: As people call it.
        revision: First digits of the commit.
    """

    revision_id: int
    name: str
    revision: str
    answers: Answers

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.revision}"

    def is_called(self, name: str) -> bool:
        return name in {self.name, self.full_name}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A model that finds objects, ready to run from a checkout of its revision.

    Attributes:
        revision_id: The row of its revision.
        name: As people call it.
        revision: First digits of the commit.
        classes: What it can find, in the order of its outputs.
        has_masks: What it finds has an outline, not a box alone.
    """

    revision_id: int
    name: str
    revision: str
    classes: tuple[str, ...]
    has_masks: bool = False

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.revision}"
