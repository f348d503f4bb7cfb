"""What other rooms may know of diagnostics."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """What to measure on what.

    Attributes:
        tools: Ids of the catalog; empty takes all that this model and data allow.
        splits: Only images of these; empty takes all.
        other_revision_id: A second model, for the tools that compare.
        reference_version_id: Other data, such as what the model was trained on.
        run_id: A training run whose curves are read.
        mapping: Class of the model to class of the data, where names differ; an empty
            one leaves the class out.
        options: Numbers that tools take, such as ``cost_missed``.
        earlier_id: The report after whose action this one measures again.
    """

    revision_id: int
    version_id: int
    tools: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    other_revision_id: int | None = None
    reference_version_id: int | None = None
    run_id: int | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    earlier_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a report would take.

    Attributes:
        num_measured: Of its tools, how many that rests on a measurement for.
    """

    seconds: float
    num_images: int
    num_tools: int
    num_measured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a worker needs to know to carry a report out."""

    report_id: int
    revision_id: int
    version_id: int
    tools: tuple[str, ...]
    splits: tuple[str, ...]
    other_revision_id: int | None
    reference_version_id: int | None
    curves: dict[str, Any] | None
    mapping: dict[str, str]
    options: dict[str, Any]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a tool's figure since the earlier report.

    Attributes:
        verdict: "gain", "loss" or "no effect".
    """

    tool: str
    name: str
    before: float
    after: float
    change: float
    verdict: str
