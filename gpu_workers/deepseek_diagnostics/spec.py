"""What a child process is asked to do: a spec file. Standard library only."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from deepseek_diagnostics.catalog import BY_ID, TOOLS

KIND = "diagnose"
APPLY = "apply"
# In a diagnose spec's ``out``, beside the results: what to draw on pictures.
MARKS_FILE = "marks.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnoseSpec:
    """Measure a model on data with some tools.

    Attributes:
        model: A shipped name or a model directory.
        data: A folder with annotations.json and images/, or the file.
        out: Where results go, one file a tool.
        cache: Where predictions and results are kept for other reports; empty keeps
            them in ``out``.
        tools: By id; those of the catalog.
        splits: Only images of these; empty takes all.
        precision: "int8", "fp32", or empty for the one that serves.
        other_model: A second model, for the tools that compare.
        reference: Other data, such as what the model was trained on.
        reference_splits: Only images of these; empty takes all.
        curves: A JSON file with a training run's curves.
        mapping: Class of the model to class of the data, where names differ; an empty
            one leaves the class out.
        options: Numbers that tools take, such as costs.
    """

    model: str
    data: str
    out: str
    cache: str = ""
    tools: tuple[str, ...] = tuple(tool.id for tool in TOOLS)
    splits: tuple[str, ...] = ()
    precision: str = ""
    other_model: str | None = None
    reference: str | None = None
    reference_splits: tuple[str, ...] = ()
    curves: str | None = None
    mapping: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    num_threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what nothing could be measured with.

        Raises:
            ValueError: naming the field and the value.
        """
        unknown = [one for one in self.tools if one not in BY_ID]
        if unknown or not self.tools:
            raise ValueError(
                f"no tool is called {', '.join(unknown) or 'nothing'}; "
                f"there are: {', '.join(BY_ID)}"
            )
        if self.num_threads < 1:
            raise ValueError(f"num_threads must be at least 1, got {self.num_threads}")

    def to_json(self) -> str:
        return json.dumps({"kind": KIND, **asdict(self)})

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a spec.

        Raises:
            ValueError: when the file is no diagnose spec; the message says why.
        """
        wire = _wire(path)
        if wire.pop("kind", KIND) != KIND:
            raise ValueError(f"{path}: is no {KIND} spec")
        unknown = sorted(set(wire) - {one.name for one in fields(cls)})
        if unknown:
            raise ValueError(f"spec has unknown fields: {', '.join(unknown)}")
        for name in ("tools", "splits", "reference_splits"):
            if name in wire:
                wire[name] = tuple(str(one) for one in wire[name])
        try:
            return cls(**wire)
        except TypeError as error:
            raise ValueError(f"{path}: {error}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplySpec:
    """Write a copy of a model with what a report advises.

    Attributes:
        model: A shipped name or a model directory.
        out: A folder that is not there yet.
        temperature: Logits are divided by it.
        score_threshold: From which score on a box counts; None leaves it.
        data: A data folder, where pictures are needed to calibrate or to teach.
        float_layers: These stay in float when the 8-bit file is made anew.
        keep: Share of the inner channels that stays; 1 leaves the model as wide.
        num_steps: Of teaching, after it was made narrower.
    """

    model: str
    out: str
    temperature: float = 1.0
    score_threshold: float | None = None
    data: str = ""
    float_layers: tuple[str, ...] = ()
    keep: float = 1.0
    num_steps: int = 300

    def to_json(self) -> str:
        return json.dumps({"kind": APPLY, **asdict(self)})


def read_spec(path: Path) -> DiagnoseSpec | ApplySpec:
    """Read a spec of either kind.

    Raises:
        ValueError: The file is neither; the message says why.
    """
    wire = _wire(path)
    if wire.pop("kind", KIND) != APPLY:
        return DiagnoseSpec.from_file(path)
    if "float_layers" in wire:
        wire["float_layers"] = tuple(wire["float_layers"])
    try:
        return ApplySpec(**wire)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from None


def _wire(path: Path) -> dict[str, Any]:
    try:
        wire = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise ValueError(f"{path}: is not JSON") from None
    if not isinstance(wire, dict):
        raise ValueError(f"{path}: is no {KIND} spec")
    return wire


def same_name(name: str) -> str:
    """What names of one class have in common: case, spaces and dashes do not count."""
    return name.strip().lower().replace("_", " ").replace("-", " ")
