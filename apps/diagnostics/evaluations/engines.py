"""Measures a model in a process of its own. Called by tasks only."""

import hashlib
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from apps.core.processes import run_child
from apps.diagnostics.evaluations.models import Evaluation
from apps.diagnostics.evaluations.types import Measured
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.labeling.services.versions import write_training_folder
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.types import WEIGHTS

COMMAND = [sys.executable, "-m", "deepseek_diagnostics.evaluate"]
POLL_S = 1.0
Row = dict[str, Any]


def prepare(claim: Claim, evaluation: Evaluation) -> Row:
    """Lay out what the child works on; returns what it is told."""
    data = jobs.run_dir(claim.job_id) / "data"
    directory = checked_out(evaluation.revision_id)
    write_training_folder(version_id=evaluation.version_id, folder=data)
    return {
        "directory": str(directory),
        "data": str(data),
        "split": evaluation.split,
        "num_threads": max(1, claim.num_cpus),
    }


def evaluate(claim: Claim, spec: Row) -> Generator[tuple[int, int] | None, None, None]:
    """Yield how many of how many images are done, and None while it is silent.

    Raises:
        EngineError: The model does not load, or answers no boxes.
    """
    folder = jobs.run_dir(claim.job_id)
    for line in run_child(
        COMMAND, spec=json.dumps(spec), run_dir=folder, poll_s=POLL_S
    ):
        if line is None:
            yield None
        else:
            told = json.loads(line)
            yield told["num_done"], told["num_total"]


def read_figures(claim: Claim, spec: Row) -> Measured:
    told = json.loads((jobs.run_dir(claim.job_id) / "figures.json").read_text())
    return Measured(
        figures=told["figures"],
        weights_sha256=_weights_of(Path(spec["directory"])),
        code_version=told["code_version"],
    )


def _weights_of(directory: Path) -> str:
    """Of the file that runs: the first of the known names, or the only one."""
    named = [directory / name for name in WEIGHTS if (directory / name).is_file()]
    path = (named or sorted(directory.glob("*.onnx")))[0]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
