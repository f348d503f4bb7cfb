from celery import shared_task

from apps.deployments.services import sampling


@shared_task(name="deployments.take_samples", acks_late=True, soft_time_limit=300)
def take_samples(endpoint_id: int) -> int:
    return sampling.take_samples(endpoint_id=endpoint_id)
