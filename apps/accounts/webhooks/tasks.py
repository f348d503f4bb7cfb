from typing import Any

from celery import shared_task
from django.dispatch import receiver

from apps.accounts.webhooks import services
from apps.core.happenings import happened
from apps.core.upkeep import upkeep


@shared_task(name="webhooks.deliver")
def deliver(delivery_id: str) -> None:
    services.deliver(delivery_id)


@receiver(upkeep)
def resend_due(**_signal: Any) -> None:
    services.resend_due()


@receiver(happened)
def announce(event: str, workspace_id: int, facts: dict[str, Any], **_: Any) -> None:
    services.announce(event, workspace_id=workspace_id, facts=facts)
