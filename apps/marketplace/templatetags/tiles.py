"""Draws a model in a list; what looks the same is drawn once."""

from dataclasses import dataclass
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from apps.core.templatetags.ui import ago
from apps.marketplace.models import Model
from apps.marketplace.types import Gate, Visibility

register = template.Library()
# About 5 MB in each process.
MOST_KEPT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """All that a list shows of a model, so that equal tiles look the same."""

    namespace: str
    name: str
    summary: str
    task: str
    licence: str
    is_int8: bool
    is_gated: bool
    is_private: bool
    num_parameters: int | None
    num_downloads: int
    time_ms: int | None
    size_bytes: int | None
    age: str
    language: str | None


@register.simple_tag
def model_tile(model: Model) -> SafeString:
    head = model.head
    return _drawn(
        Tile(
            namespace=model.namespace.name,
            name=model.name,
            summary=model.summary,
            task=model.task,
            licence=model.licence,
            is_int8="int8" in model.precisions,
            is_gated=model.gate != Gate.OPEN,
            is_private=model.visibility == Visibility.PRIVATE,
            num_parameters=model.num_parameters,
            num_downloads=model.num_downloads,
            time_ms=None if model.time_ms is None else max(1, round(model.time_ms)),
            size_bytes=head.size_bytes if head else None,
            age=ago(head.created_at) if head else "",
            language=get_language(),
        )
    )


@lru_cache(maxsize=MOST_KEPT)
def _drawn(tile: Tile) -> SafeString:
    return render_to_string("marketplace/tile.html", {"tile": tile})
