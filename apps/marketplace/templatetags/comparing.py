"""Writes what stands in a comparison of models, each kind of fact in its way."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from apps.marketplace.selectors.differences import shown
from apps.marketplace.services.comparing import Row

register = template.Library()

PARTS: dict[str, Promise] = {
    "facts": _lazy("Facts"),
    "metrics": _lazy("Measured by its job"),
    "results": _lazy("As the card states it"),
    "card": _lazy("Further in the card"),
}
FACTS: dict[str, Promise] = {
    "task": _lazy("Task"),
    "licence": _lazy("Licence"),
    "parameters": _lazy("Parameters"),
    "precision": _lazy("Precision"),
    "weights": _lazy("Weights"),
    "size": _lazy("All files"),
    "format": _lazy("Format"),
    "library": _lazy("Library"),
    "input": _lazy("Input"),
    "classes": _lazy("Classes"),
    "languages": _lazy("Languages"),
    "trained_on": _lazy("Trained on"),
    "made_from": _lazy("Made from"),
    "changed": _lazy("Changed"),
    "downloads": _lazy("Downloads"),
    "likes": _lazy("Likes"),
    "signature": _lazy("Signature"),
    "suspicious": _lazy("Scanners"),
}


def _chip(word: str, tone: str) -> str:
    return format_html('<span class="chip" data-tone="{}">{}</span>', tone, word)


def _signature(value: bool) -> str:  # noqa: FBT001 -- the fact itself
    return _chip(_("holds"), "good") if value else _chip(_("does not hold"), "bad")


def _scanners(value: bool) -> str:  # noqa: FBT001 -- the fact itself
    return _chip(_("suspicious"), "bad") if value else _("nothing suspicious")


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "parameters": lambda value: str(intcomma(value)),
    "weights": filesizeformat,
    "size": filesizeformat,
    "input": lambda value: f"{shown(value)} px",
    "classes": lambda value: str(intcomma(value)),
    "changed": lambda value: date_format(
        datetime.fromisoformat(value), "SHORT_DATE_FORMAT"
    ),
    "downloads": lambda value: str(intcomma(value)),
    "likes": lambda value: str(intcomma(value)),
    "signature": _signature,
    "suspicious": _scanners,
}


@register.filter
def part_title(part: str) -> str:
    return str(PARTS[part])


@register.filter
def row_title(row: Row) -> str:
    return str(FACTS[row.name]) if row.part == "facts" else row.name


@register.simple_tag
def cell(row: Row, value: Any) -> str:
    """One value; "" where nothing is known."""
    if value in (None, "", []):
        return ""
    if row.part == "facts" and row.name in _WRITTEN:
        return _WRITTEN[row.name](value)
    if isinstance(value, list):
        return ", ".join(shown(one) for one in value)
    return shown(value)
