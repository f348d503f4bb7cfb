from typing import Any

from celery import shared_task
from django.dispatch import receiver

from apps.core import collecting
from apps.core.answers import forget_answers
from apps.core.queue import enqueue
from apps.core.upkeep import upkeep


@shared_task(name="core.collect_blobs")
def collect_blobs() -> None:
    if collecting.is_due():
        collecting.collect_blobs()


@receiver(upkeep)
def tidy_up(**_signal: Any) -> None:
    forget_answers()
    if collecting.is_due():
        enqueue("core.collect_blobs", queue="io")
