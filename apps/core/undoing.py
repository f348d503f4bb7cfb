"""How long what was deleted can be brought back."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone


def undo_since() -> datetime:
    """What was deleted before that is over."""
    return timezone.now() - timedelta(days=settings.DELETED_KEPT_DAYS)


def undo_until(deleted_at: datetime) -> datetime:
    return deleted_at + timedelta(days=settings.DELETED_KEPT_DAYS)
