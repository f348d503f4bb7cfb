import time
from contextlib import closing
from typing import Any

from celery import Task, shared_task
from django.dispatch import receiver

from apps.core.queue import enqueue
from apps.core.upkeep import upkeep
from apps.diagnostics import engines
from apps.diagnostics.models import Promise
from apps.diagnostics.services import acting, promising, recording
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from deepseek_diagnostics.events import Event, Progress, Refused, Started, ToolDone

REPORT_EVERY_S = 0.5


@shared_task(name="diagnostics.diagnose", bind=True)
def diagnose(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_diagnose)


def _diagnose(holding: Holding) -> None:
    claim = holding.claim
    plan = recording.plan_of(claim)
    holding.keep(is_urgent=True)
    spec = engines.prepare(claim, plan)
    follower = Follower(holding)
    # The child has ended before the job says that it stopped.
    with closing(engines.diagnose(claim, spec)) as told:
        for event in told:
            follower.take(event)
            holding.keep(is_urgent=event is None)
    follower.end()
    results, marks = follower.results, engines.read_marks(spec)
    holding.write(lambda _id: recording.finish(claim, plan, results, marks))


@shared_task(name="diagnostics.apply", bind=True)
def apply(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_apply)


def _apply(holding: Holding) -> None:
    claim = holding.claim
    holding.keep(is_urgent=True)
    follower = Follower(holding)
    with closing(engines.apply(claim)) as told:
        for event in told:
            follower.take(event)
            holding.keep(is_urgent=event is None)
    follower.end()
    folder = engines.changed_model(claim)
    holding.write(lambda _id: acting.finish_apply(claim, folder=folder))


@shared_task(name="diagnostics.keep_promises")
def keep_promises() -> None:
    promising.keep_promises()


@receiver(upkeep)
def look_after_promises(**_signal: Any) -> None:
    if Promise.objects.exists():
        enqueue(promising.KEEP, queue="io")


class Follower:
    """Turns what the child says into progress, and keeps the results until the end."""

    def __init__(self, holding: Holding) -> None:
        self.results: dict[str, dict[str, Any]] = {}
        self._holding = holding
        self._num_told, self._num_done, self._told_at = 0, 0, 0.0

    def take(self, event: Event | None) -> None:
        match event:
            case Started():
                self._begin(event.num_steps)
            case Progress():
                self._progress(event.num_done)
            case Refused():
                claim = self._holding.claim
                refusal = {"text": event.text, "figures": event.figures}
                self._holding.write(lambda _id: recording.note_refusal(claim, refusal))
            case ToolDone():
                self.results[event.tool] = engines.read_result(event.path)
            case _:
                pass

    def _begin(self, num_steps: int) -> None:
        claim = self._holding.claim
        self._holding.write(lambda _id: jobs.start_running(claim, num_total=num_steps))

    def _progress(self, num_done: int) -> None:
        self._num_done = max(self._num_done, num_done)
        if time.monotonic() - self._told_at >= REPORT_EVERY_S:
            self.end()

    def end(self) -> None:
        """Tell what was not told yet."""
        newly = self._num_done - self._num_told
        if newly:
            self._holding.report([], num_newly_done=newly)
            self._num_told, self._told_at = self._num_done, time.monotonic()
