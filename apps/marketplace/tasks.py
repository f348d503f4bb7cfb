from typing import Any

from celery import shared_task
from django.dispatch import receiver

from apps.core.queue import enqueue
from apps.core.upkeep import upkeep
from apps.marketplace.services import purging, scanning, trimming


@shared_task(name="marketplace.scan_revision", acks_late=True, soft_time_limit=1800)
def scan_revision(revision_id: int) -> None:
    scanning.scan_revision(revision_id=revision_id)


@shared_task(name="marketplace.purge_deleted", acks_late=True, soft_time_limit=3600)
def purge_deleted() -> None:
    purging.purge_deleted()


@receiver(upkeep)
def purge_overdue(**_signal: Any) -> None:
    if purging.overdue().exists():
        enqueue("marketplace.purge_deleted", queue="io")


@receiver(upkeep)
def scan_waiting(**_signal: Any) -> None:
    scanning.scan_waiting()


@receiver(upkeep)
def trim_checkouts(**_signal: Any) -> None:
    trimming.trim_checkouts()
