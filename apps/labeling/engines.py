"""Runs the detector as a child process. Called by tasks only."""

import shutil
import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack

from apps.core import blobs
from apps.core.processes import run_child
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.marketplace.services.checkouts import checked_out
from deepseek_vision.events import Event, from_wire
from deepseek_vision.spec import DetectSpec, ImageRef

COMMAND = [sys.executable, "-m", "deepseek_vision", "run"]


def detect(claim: Claim, images: Sequence[tuple[int, str]]) -> Generator[Event | None]:
    """Detect in a process of its own and yield what it reports.

    Args:
        claim: Whose parameters say which model, labels and threshold.
        images: Id and SHA-256 of each.

    Yields:
        Events, and None now and then while the detector is silent.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    run_dir = jobs.run_dir(claim.job_id)
    with ExitStack() as lent:
        files = [
            ImageRef(id=pk, path=str(lent.enter_context(blobs.local_copy(sha256))))
            for pk, sha256 in images
        ]
        spec = DetectSpec(
            model=str(checked_out(claim.params["model_revision_id"])),
            images=tuple(files),
            score_threshold=claim.params["score_threshold"],
            labels=tuple(claim.params["labels"]),
        )
        for line in run_child(COMMAND, spec=spec.to_json(), run_dir=run_dir):
            yield from_wire(line) if line is not None else None
    shutil.rmtree(run_dir, ignore_errors=True)
