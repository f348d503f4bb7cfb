"""Runs the trainer as a child process. Called by tasks only."""

import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from apps.core.processes import run_child
from apps.jobs import services as jobs
from apps.jobs.types import Claim
from apps.labeling.services.versions import write_training_folder
from apps.marketplace.services.checkouts import checked_out
from apps.training.types import Plan
from deepseek_vision.events import Event, from_wire
from deepseek_vision.spec import TrainSpec

COMMAND = [sys.executable, "-m", "deepseek_vision", "run"]
POLL_S = 1.0
GRACE_S = 8.0
MOST_LOG_BYTES = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines:
    """What the trainer wrote to its log since the last time."""

    lines: tuple[str, ...]


def prepare(claim: Claim, plan: Plan) -> TrainSpec:
    """Lay out data and starting weights in the job's folder."""
    folder = jobs.run_dir(claim.job_id)
    write_training_folder(version_id=plan.dataset_version_id, folder=folder / "data")
    base = plan.base_revision_id
    return TrainSpec(
        name=plan.name,
        data=(str(folder / "data"),),
        preset=plan.preset,
        changes=plan.changes,
        start_from=str(checked_out(base)) if base is not None else None,
        device=f"cuda:{claim.gpus[0]}" if claim.gpus else "cpu",
        num_threads=claim.num_cpus,
        checkpoint_every_s=settings.RUN_CHECKPOINT_EVERY_S,
    )


def train(claim: Claim, spec: TrainSpec) -> Generator[Event | LogLines | None]:
    """Train in a process of its own; a new attempt goes on from the last checkpoint.

    Yields:
        Events, lines of the log, and None now and then while it is silent.

    Raises:
        EngineError: The process ended with an error; carries the end of its log.
    """
    folder = jobs.run_dir(claim.job_id)
    log = _Log(folder / "stderr.log")
    for line in run_child(
        COMMAND, spec=spec.to_json(), run_dir=folder, poll_s=POLL_S, grace_s=GRACE_S
    ):
        if news := log.news():
            yield LogLines(lines=news)
        yield from_wire(line) if line is not None else None
    if news := log.news():
        yield LogLines(lines=news)


class _Log:
    """Follows a file from where it now ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = path.stat().st_size if path.exists() else 0

    def news(self) -> tuple[str, ...]:
        if not self._path.exists() or self._path.stat().st_size <= self._at:
            return ()
        with self._path.open("rb") as file:
            file.seek(self._at)
            piece = file.read(MOST_LOG_BYTES)
            end = piece.rfind(b"\n") + 1 or len(piece)
            self._at += end
        text = piece[:end].decode(errors="replace").replace("\0", "")
        return tuple(line for line in text.splitlines() if line.strip())
