"""Forgets the answers to POSTs whose senders will not ask again."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.core.models import AnsweredRequest


@transaction.atomic
def forget_answers(*, most: int = 5000) -> int:
    """Delete the oldest answers that were kept long enough, a bounded number a call.

    Any number of workers may do so at once: each takes rows that no other has.

    Returns:
        How many were deleted.
    """
    kept_since = timezone.now() - timedelta(hours=settings.ANSWERS_KEPT_H)
    old = AnsweredRequest.objects.filter(created_at__lt=kept_since)
    mine = old.select_for_update(skip_locked=True).order_by("created_at")
    pks = list(mine.values_list("pk", flat=True)[:most])
    num_deleted, _by_model = AnsweredRequest.objects.filter(pk__in=pks).delete()
    return num_deleted
