from typing import Any

from celery import shared_task
from django.dispatch import receiver

from apps.core.queue import enqueue
from apps.core.upkeep import upkeep
from apps.marketplace.feedback import selectors, services


@shared_task(name="feedback.tell")
def tell(message_id: int) -> None:
    services.tell(message_id)


@shared_task(name="feedback.remind")
def remind() -> None:
    services.remind()


@receiver(upkeep)
def remind_of_late(**_signal: Any) -> None:
    if selectors.late_threads().exists():
        enqueue("feedback.remind", queue="io")
