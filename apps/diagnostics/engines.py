"""Runs the measuring code as a child process. Called by tasks only."""

import json
import shutil
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.core.processes import run_child
from apps.diagnostics.types import Plan
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.labeling.services.versions import write_training_folder
from apps.marketplace.services.checkouts import checked_out
from deepseek_diagnostics.events import Event, from_wire
from deepseek_diagnostics.spec import MARKS_FILE, ApplySpec, DiagnoseSpec

COMMAND = [sys.executable, "-m", "deepseek_diagnostics"]
POLL_S = 1.0
GRACE_S = 8.0
# Changes of a model that are made with pictures.
NEED_PICTURES = frozenset({"float_layers", "keep"})
CACHE_KEPT_S = 30 * 24 * 3600


def prepare(claim: Claim, plan: Plan) -> DiagnoseSpec:
    """Lay out models and data in the job's folder."""
    folder = jobs.run_dir(claim.job_id)
    write_training_folder(version_id=plan.version_id, folder=folder / "data")
    reference = None
    if plan.reference_version_id is not None:
        reference = folder / "reference"
        write_training_folder(version_id=plan.reference_version_id, folder=reference)
    curves = None
    if plan.curves is not None:
        curves = folder / "curves.json"
        curves.write_text(json.dumps(plan.curves))
    other = plan.other_revision_id
    return DiagnoseSpec(
        model=str(checked_out(plan.revision_id)),
        data=str(folder / "data"),
        out=str(folder / "results"),
        cache=str(settings.DIAGNOSTICS_CACHE_DIR),
        tools=plan.tools,
        splits=plan.splits,
        other_model=str(checked_out(other)) if other is not None else None,
        reference=str(reference) if reference else None,
        curves=str(curves) if curves else None,
        mapping=plan.mapping,
        options=plan.options,
        seed=plan.seed,
        num_threads=max(1, claim.num_cpus),
    )


def diagnose(claim: Claim, spec: DiagnoseSpec) -> Generator[Event | None]:
    """Measure in a process of its own; what is in the cache is not done again.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    sweep(Path(settings.DIAGNOSTICS_CACHE_DIR))
    for line in run_child(
        COMMAND,
        spec=spec.to_json(),
        run_dir=jobs.run_dir(claim.job_id),
        poll_s=POLL_S,
        grace_s=GRACE_S,
    ):
        yield from_wire(line) if line is not None else None


def apply(claim: Claim) -> Generator[Event | None]:
    """Write the changed copy of a job's model into ``changed_model`` of its folder.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    folder = changed_model(claim)
    # What an attempt before this one left is not whole.
    shutil.rmtree(folder, ignore_errors=True)
    changes = dict(claim.params["changes"])
    if "float_layers" in changes:
        changes["float_layers"] = tuple(changes["float_layers"].split())
    data = ""
    if changes.keys() & NEED_PICTURES:
        data = str(jobs.run_dir(claim.job_id) / "data")
        version_id = claim.params["version_id"]
        write_training_folder(version_id=version_id, folder=Path(data))
    model = checked_out(claim.params["revision_id"])
    spec = ApplySpec(model=str(model), out=str(folder), data=data, **changes)
    for line in run_child(
        COMMAND,
        spec=spec.to_json(),
        run_dir=jobs.run_dir(claim.job_id),
        poll_s=POLL_S,
        grace_s=GRACE_S,
    ):
        yield from_wire(line) if line is not None else None


def changed_model(claim: Claim) -> Path:
    return jobs.run_dir(claim.job_id) / "changed"


def read_result(path: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def read_marks(spec: DiagnoseSpec) -> dict[str, Any]:
    """What to draw on the pictures behind charts."""
    return read_result(str(Path(spec.out) / MARKS_FILE))


def sweep(cache: Path) -> None:
    """Remove what no report has used for a month."""
    before = time.time() - CACHE_KEPT_S
    for path in cache.glob("*/*"):
        if path.is_file() and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
