"""What other rooms may know of training."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class RunDevice(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


# What people choose between; each names a recipe of deepseek_vision.
PRESET_NAMES = ("fast", "balanced", "accurate", "edge", "outlines")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """What to train on what.

    Attributes:
        name: Also the name of the model that comes out.
        base_revision_id: The model to begin with; None is from nothing.
        preset: One of PRESET_NAMES.
        changes: Numbers of the recipe that differ from the preset's.
        priority: Of its job; see apps.jobs.types.Priority.
    """

    name: str
    dataset_version_id: int
    base_revision_id: int | None = None
    preset: str = "balanced"
    changes: dict[str, Any] = field(default_factory=dict)
    device: RunDevice = RunDevice.CPU
    priority: int = 5
    time_limit_s: int | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()
    licence: str = "apache-2.0"
    cloned_from_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a run would take, and how well that is known.

    Attributes:
        low_s: It would be a surprise to be faster.
        high_s: It would be a surprise to be slower.
        num_measured: Runs on such a worker that this rests on; 0 is a guess.
    """

    seconds: float
    low_s: float
    high_s: float
    images_per_s: float
    num_steps: int
    num_measured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker needs to know to carry a run out."""

    run_id: int
    name: str
    dataset_version_id: int
    base_revision_id: int | None
    preset: str
    changes: dict[str, Any]
