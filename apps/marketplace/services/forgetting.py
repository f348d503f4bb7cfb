"""Uploads that were never committed, and chunks that were kept to spare traffic."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.marketplace.models import Namespace, Upload, Xorb


@transaction.atomic
def forget_uploads(**_signal: Any) -> None:
    """Let go of what was sent long ago; committed files stand in their revisions.

    A namespace whose chunks go gets its next epoch, so that clients send them again.
    """
    since = timezone.now() - timedelta(days=settings.UPLOADS_KEPT_DAYS)
    Upload.objects.filter(created_at__lt=since).delete()
    old = Xorb.objects.filter(created_at__lt=since)
    losing = list(old.values_list("namespace_id", flat=True).distinct())
    Namespace.objects.filter(pk__in=losing).update(epoch=F("epoch") + 1)
    old.delete()
