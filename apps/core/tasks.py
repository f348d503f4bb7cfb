from celery import shared_task

from apps.core import collecting


@shared_task(name="core.collect_blobs")
def collect_blobs() -> None:
    if collecting.is_due():
        collecting.collect_blobs()
