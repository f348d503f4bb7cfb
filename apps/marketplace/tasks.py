from typing import Any

from celery import shared_task
from django.dispatch import receiver

from apps.core.upkeep import upkeep
from apps.marketplace.services import scanning


@shared_task(name="marketplace.scan_revision", acks_late=True, soft_time_limit=1800)
def scan_revision(revision_id: int) -> None:
    scanning.scan_revision(revision_id=revision_id)


@receiver(upkeep)
def scan_waiting(**_signal: Any) -> None:
    scanning.scan_waiting()
