"""Tells addresses outside what happened in a workspace, signed, until they take it.

Requests and signatures are those of the Standard Webhooks specification, so that its
libraries verify them.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.accounts.webhooks.models import Delivery, Webhook
from apps.accounts.webhooks.selectors import access_webhook
from apps.core.addresses import BadAddressError
from apps.core.addresses import check_address as check_any_address
from apps.core.errors import DomainError
from apps.core.queue import enqueue

if TYPE_CHECKING:
    from apps.accounts.models import User

PATTERN = r"\*|[a-z_]+\.(?:\*|[a-z_]+)"
# At least so long after each failure; after the last of them it is given up.
PAUSES_S = (60, 600, 1800, 7200, 21600, 43200)
TIMEOUT_S = 10.0
KEPT_DAYS = 30
LEASE = timedelta(seconds=4 * TIMEOUT_S)


class BadWebhookError(DomainError):
    """An address that cannot be told, or an event that does not exist."""

    code = "bad_webhook"


@transaction.atomic
def create_webhook(
    *, user: "User", workspace_id: int, url: str, events: list[str] | None = None
) -> tuple[Webhook, str]:
    """Have an address told of what happens in a workspace.

    Args:
        user: A manager of it.
        workspace_id: Of which workspace.
        url: http or https.
        events: Patterns such as "job.*"; everything if None.

    Returns:
        The webhook and the secret that signs what it is sent.

    Raises:
        BadWebhookError: No such address or pattern.
        RoleTooLowError: Not a manager.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    events = events or ["*"]
    for pattern in events:
        if not re.fullmatch(PATTERN, pattern):
            raise BadWebhookError(
                _(
                    "{pattern} names no event: write job.done, job.* or *, see the "
                    "audit log for what there is"
                ).format(pattern=pattern)
            )
    check_address(url)
    webhook = Webhook.objects.create(
        workspace_id=workspace_id,
        created_by=user,
        url=url,
        events=events,
        salt=secrets.token_hex(16),
    )
    audit(
        action="webhook.created",
        target=url,
        actor=user,
        workspace_id=workspace_id,
    )
    return webhook, secret_of(webhook)


@transaction.atomic
def delete_webhook(*, user: "User", workspace_id: int, webhook_id: int) -> None:
    found = access_webhook(user=user, workspace_id=workspace_id, webhook_id=webhook_id)
    audit(
        action="webhook.deleted",
        target=found.url,
        actor=user,
        workspace_id=workspace_id,
    )
    found.delete()


@transaction.atomic
def ping(*, user: "User", workspace_id: int, webhook_id: int) -> Delivery:
    """Send an event that says nothing, and wake an address that was given up."""
    found = access_webhook(user=user, workspace_id=workspace_id, webhook_id=webhook_id)
    found.is_active = True
    found.save(update_fields=["is_active", "updated_at"])
    return _queue(found, "webhook.ping", {})


def announce(event: str, *, workspace_id: int, facts: dict[str, Any]) -> None:
    """Queue an event for every address of the workspace that asked for it."""
    hooks = Webhook.objects.filter(workspace_id=workspace_id, is_active=True)
    for webhook in hooks:
        if any(fnmatchcase(event, pattern) for pattern in webhook.events):
            _queue(webhook, event, facts)


def _queue(webhook: Webhook, event: str, facts: dict[str, Any]) -> Delivery:
    now = timezone.now()
    body = {
        "type": event,
        "timestamp": now.isoformat(),
        "workspace_id": webhook.workspace_id,
        "data": facts,
    }
    delivery = Delivery.objects.create(
        id=uuid.uuid4(),
        webhook=webhook,
        event=event,
        body=json.dumps(body, default=str),
        next_at=now,
    )
    enqueue("webhooks.deliver", queue="io", delivery_id=str(delivery.pk))
    return delivery


def deliver(delivery_id: str) -> None:
    """Send a delivery that is due, and note what came of it.

    The row is held by its next time, not by a lock, while the address answers.
    """
    now = timezone.now()
    mine = Delivery.objects.filter(pk=delivery_id, next_at__lte=now)
    if not mine.update(next_at=now + LEASE):
        return
    delivery = Delivery.objects.select_related("webhook").get(pk=delivery_id)
    delivery.num_attempts += 1
    delivery.status, delivery.problem = _send(delivery)
    if delivery.is_taken:
        delivery.next_at = None
    elif delivery.num_attempts <= len(PAUSES_S):
        pause = timedelta(seconds=PAUSES_S[delivery.num_attempts - 1])
        delivery.next_at = timezone.now() + pause
    else:
        delivery.next_at = None
        Webhook.objects.filter(pk=delivery.webhook_id).update(is_active=False)
    delivery.save()


def resend_due() -> None:
    """Queue what is due again, and forget what is long over."""
    now = timezone.now()
    due = Delivery.objects.filter(next_at__lte=now, webhook__is_active=True)
    for pk in due.values_list("pk", flat=True)[:1000]:
        enqueue("webhooks.deliver", queue="io", delivery_id=str(pk))
    old = now - timedelta(days=KEPT_DAYS)
    Delivery.objects.filter(created_at__lt=old).delete()


def secret_of(webhook: Webhook) -> str:
    """Derive the secret: who has the database alone cannot sign."""
    seed = f"webhook {webhook.salt}".encode()
    key = hmac.digest(settings.SECRET_KEY.encode(), seed, hashlib.sha256)
    return "whsec_" + base64.b64encode(key).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: str) -> str:
    """Return the value of ``webhook-signature``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.{body}".encode()
    digest = hmac.digest(key, signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def check_address(url: str) -> None:
    """Refuse what is no address, or leads back into this host.

    Addresses of the company's own network are welcome; this host's and the cloud's
    metadata are not, unless WEBHOOKS_TO_THIS_HOST says so.

    Raises:
        BadWebhookError: Says what is wrong with it.
    """
    try:
        check_any_address(url, may_be_here=settings.WEBHOOKS_TO_THIS_HOST)
    except BadAddressError as exc:
        raise BadWebhookError(str(exc)) from exc


def _send(delivery: Delivery) -> tuple[int, str]:
    webhook, message_id = delivery.webhook, f"msg_{delivery.pk.hex}"
    timestamp = int(time.time())
    signature = sign(
        secret_of(webhook),
        message_id=message_id,
        timestamp=timestamp,
        body=delivery.body,
    )
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "dsportal",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
    try:
        check_address(webhook.url)
        with httpx.stream(
            "POST",
            webhook.url,
            content=delivery.body,
            headers=headers,
            timeout=TIMEOUT_S,
        ) as answer:
            status = answer.status_code  # what it says beside that is not read
    except (httpx.HTTPError, httpx.InvalidURL, BadWebhookError) as exc:
        return 0, str(exc)[:300] or type(exc).__name__
    return status, "" if 200 <= status < 300 else f"HTTP {status}"
