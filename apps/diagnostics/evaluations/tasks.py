from contextlib import closing

from celery import Task, shared_task

from apps.diagnostics.evaluations import engines, services
from apps.diagnostics.evaluations.models import Evaluation
from apps.jobs import services as jobs
from apps.jobs.services import Holding


@shared_task(name="evaluations.evaluate", bind=True)
def evaluate(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_evaluate)


def _evaluate(holding: Holding) -> None:
    claim = holding.claim
    evaluation = Evaluation.objects.get(job_id=claim.job_id)
    holding.keep(is_urgent=True)
    spec = engines.prepare(claim, evaluation)
    num_done = 0
    with closing(engines.evaluate(claim, spec)) as steps:
        for step in steps:
            holding.keep(is_urgent=step is None)
            if step is None:
                continue
            newly, total = step[0] - num_done, step[1]
            if not num_done:
                _begin(holding, num_images=total)
            holding.report([], num_newly_done=newly)
            num_done = step[0]
    measured = engines.read_figures(claim, spec)
    holding.write(lambda _id: services.finish_evaluation(claim, measured))


def _begin(holding: Holding, *, num_images: int) -> None:
    holding.write(lambda _id: jobs.start_running(holding.claim, num_total=num_images))
