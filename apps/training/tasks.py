import time
from collections.abc import Mapping
from contextlib import closing
from functools import partial

import psutil
from celery import Task, shared_task

from apps.core.devices import DeviceKind, find_devices
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import Claim, EventKind, NewEvent
from apps.training import engines
from apps.training.engines import LogLines
from apps.training.services import publishing, recording
from apps.training.types import Plan
from deepseek_vision.events import (
    CheckpointSaved,
    EvaluationDone,
    Event,
    SamplesPredicted,
    StepDone,
    TrainingFinished,
    TrainingStarted,
)

READ_DEVICES_EVERY_S = 10.0


@shared_task(name="training.run", bind=True)
def run(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_train)


def _train(holding: Holding) -> None:
    claim = holding.claim
    plan = recording.plan_of(claim)
    recorder = Recorder(holding, plan)
    holding.keep(is_urgent=True)
    spec = engines.prepare(claim, plan)
    # The trainer has ended, with its checkpoint, before the job says that it stopped.
    with closing(engines.train(claim, spec)) as told:
        for event in told:
            recorder.take(event)
            holding.keep(is_urgent=event is None)
    holding.write(lambda _id: recording.note_speed(claim, plan))
    folder = jobs.run_dir(claim.job_id) / "model"
    holding.write(lambda _id: publishing.publish(claim, plan, folder=folder))


class Recorder:
    """Turns what the trainer says into rows."""

    def __init__(self, holding: Holding, plan: Plan) -> None:
        self._holding, self._plan = holding, plan
        self._step = 0
        self._last: dict[str, int] = {}
        self._read_at = time.monotonic()

    def take(self, event: Event | LogLines | None) -> None:
        claim, plan = self._holding.claim, self._plan
        match event:
            case TrainingStarted():
                self._begin(event)
            case StepDone():
                self._point(event.step, _of_step(event))
            case EvaluationDone():
                figures = {f"val/{k}": v for k, v in event.metrics.items() if v >= 0}
                self._point(event.step, figures)
                if event.is_best:
                    best = partial(
                        recording.record_best,
                        claim,
                        plan,
                        step=event.step,
                        metrics=event.metrics,
                    )
                    self._holding.write(lambda _id: best())
            case SamplesPredicted():
                self._holding.write(
                    lambda name: recording.record_samples(
                        claim, plan, event, write_id=name
                    )
                )
            case CheckpointSaved():
                self._holding.write(lambda _id: jobs.note_checkpoint(claim))
            case TrainingFinished():
                self._holding.write(lambda _id: jobs.start_finishing(claim))
            case LogLines():
                told = [{"line": line[:2000]} for line in event.lines]
                self._holding.report(
                    [NewEvent(kind=EventKind.LOG, payload=one) for one in told]
                )
            case _:
                pass

    def _begin(self, event: TrainingStarted) -> None:
        self._step = event.first_step
        self._holding.write(
            lambda _id: recording.begin(
                self._holding.claim,
                self._plan,
                num_steps=event.num_steps,
                first_step=event.first_step,
            )
        )
        self._last = recording.last_steps(self._plan)

    def _point(self, step: int, values: Mapping[str, float]) -> None:
        values = {k: v for k, v in values.items() if step > self._last.get(k, -1)}
        if not values:
            return  # told again after a checkpoint
        self._last.update(dict.fromkeys(values, step))
        newly_done, self._step = max(0, step - self._step), max(step, self._step)
        if time.monotonic() - self._read_at > READ_DEVICES_EVERY_S:
            self._read_at = time.monotonic()
            values = {**values, **_devices(self._holding.claim)}
        self._holding.write(
            lambda name: recording.record(
                self._holding.claim,
                self._plan,
                step=step,
                values=values,
                num_newly_done=newly_done,
                write_id=name,
            )
        )


def _of_step(event: StepDone) -> dict[str, float]:
    parts = {f"loss/{name}": value for name, value in event.losses.items()}
    told = {"grad_norm": event.grad_norm, "data_share": event.data_share}
    return {
        "loss": event.loss,
        "lr": event.lr,
        "images_per_s": event.images_per_s,
        **parts,
        **{name: value for name, value in told.items() if value is not None},
    }


def _devices(claim: Claim) -> dict[str, float]:
    """What the leased devices read, and the memory that the run's processes hold."""
    children = psutil.Process().children(recursive=True)
    held = 0
    for child in children:
        try:
            held += child.memory_info().rss
        except psutil.Error:
            continue
    told = {"device/memory_mib": held / 2**20}
    for one in find_devices():
        if one.kind == DeviceKind.CPU and one.load is not None:
            told["device/cpu_load"] = 100 * one.load
        if one.kind == DeviceKind.GPU and one.index in claim.gpus:
            told[f"device/gpu{one.index}_memory_mib"] = one.memory_used / 2**20
            if one.load is not None:
                told[f"device/gpu{one.index}_load"] = 100 * one.load
            if one.temperature_c is not None:
                told[f"device/gpu{one.index}_temperature"] = one.temperature_c
    return told
