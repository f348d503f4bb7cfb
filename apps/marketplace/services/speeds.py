"""Keeps how long models take here, as whatever ran them measured."""

from apps.marketplace.models import Model
from apps.marketplace.types import Speed


def note_speed(*, revision_id: int, time_ms: float) -> None:
    """Note what a picture took; the newest figure of a model's newest revision stays."""
    Model.objects.filter(head_id=revision_id).update(
        time_ms=time_ms, speed=Speed.of(time_ms)
    )
