from celery import Task, shared_task

from apps.deployments.targets.engines.carrying import deploy as work
from apps.jobs import services as jobs


@shared_task(name="targets.deploy", bind=True)
def deploy(self: "Task[..., None]", job_id: str) -> None:
    jobs.carry_out(job_id=job_id, worker=self.request.hostname or "", work=work)
