from contextlib import closing
from typing import Any

from celery import Task, shared_task
from django.dispatch import receiver

from apps.core.upkeep import upkeep
from apps.deployments.trials import engines, services
from apps.deployments.trials.models import Trial
from apps.jobs import services as jobs
from apps.jobs.services import Holding


@shared_task(name="trials.answer", bind=True)
def answer(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_answer)


def _answer(holding: Holding) -> None:
    claim = holding.claim
    trial = Trial.objects.get(job_id=claim.job_id)
    holding.write(lambda _id: jobs.start_running(claim, num_total=1))
    with closing(engines.answer(claim, trial)) as silences:
        for _silence in silences:
            holding.keep(is_urgent=True)
    measured = engines.read_answer(claim)
    holding.write(lambda _id: services.finish_trial(claim, measured))


@receiver(upkeep)
def forget_trials(**_signal: Any) -> None:
    services.forget_trials()
