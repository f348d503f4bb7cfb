from contextlib import closing

from celery import Task, shared_task

from apps.diagnostics.transfer import engines, services
from apps.diagnostics.transfer.models import TransferSearch
from apps.diagnostics.transfer.types import LeftOut, Scored
from apps.jobs import services as jobs
from apps.jobs.services import Holding


@shared_task(name="transfer.search", bind=True)
def search(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=_search)


def _search(holding: Holding) -> None:
    claim = holding.claim
    asked = TransferSearch.objects.get(job_id=claim.job_id)
    ids = [row["revision_id"] for row in asked.rows if row["left_out"] == LeftOut.NO]
    holding.keep(is_urgent=True)
    data = engines.prepare(claim, asked)
    holding.write(lambda _id: jobs.start_running(claim, num_total=len(ids)))
    scored: dict[int, Scored] = {}
    for revision_id in ids:
        asking = engines.score(claim, asked, revision_id=revision_id, data=data)
        with closing(asking):
            scored[revision_id] = _kept(holding, asking)
        holding.report([], num_newly_done=1)
    holding.write(lambda _id: services.finish_search(claim, scored))


def _kept(holding: Holding, asking: engines.Asking) -> Scored:
    """What came of it; the job's lease is kept meanwhile."""
    while True:
        try:
            next(asking)
        except StopIteration as end:
            told: Scored = end.value
            return told
        holding.keep(is_urgent=True)
