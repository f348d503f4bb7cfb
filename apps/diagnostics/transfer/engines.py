"""Scores models, each in a process of its own. Called by tasks only."""

import json
import sys
from collections.abc import Generator
from pathlib import Path

from apps.core.errors import DomainError
from apps.core.processes import EngineError, run_child
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import LeftOut, Scored
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.labeling.services.versions import write_training_folder
from apps.marketplace.services.checkouts import checked_out

COMMAND = [sys.executable, "-m", "deepseek_diagnostics.transfer"]
POLL_S = 1.0
LONGEST_REASON = 200
SEED = 0
Asking = Generator[None, None, Scored]


def prepare(claim: Claim, search: TransferSearch) -> Path:
    """Lay out the chosen images alone."""
    data = jobs.run_dir(claim.job_id) / "data"
    write_training_folder(
        version_id=search.version_id, folder=data, image_ids=search.image_ids
    )
    return data


def score(
    claim: Claim, search: TransferSearch, *, revision_id: int, data: Path
) -> Asking:
    """Yield while a model is asked; one that fails does not fail the others."""
    folder = jobs.run_dir(claim.job_id) / f"model-{revision_id}"
    try:
        spec = {
            "directory": str(checked_out(revision_id)),
            "data": str(data),
            "most_ms": search.most_ms,
            "num_threads": max(1, claim.num_cpus),
            "seed": SEED,
        }
        for _line in run_child(
            COMMAND, spec=json.dumps(spec), run_dir=folder, poll_s=POLL_S
        ):
            yield None
        told = json.loads((folder / "score.json").read_text())
    except (EngineError, DomainError) as exc:
        reason = str(exc)[:LONGEST_REASON]
        return Scored(told={}, left_out=LeftOut.FAILED, reason=reason)
    if "refused" in told:
        return Scored(told=told, left_out=LeftOut.FAILED)
    return Scored(told=told, left_out=LeftOut.NO if "score" in told else LeftOut.SLOW)
