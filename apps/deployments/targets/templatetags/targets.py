"""How pages put states, prices and requests."""

import json
import re
from typing import Any

from django import template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apps.deployments.targets.models import STATE_CHOICES
from apps.deployments.targets.types import HOURS_A_MONTH

register = template.Library()


@register.filter
def state_name(state: str) -> str:
    return str(dict(STATE_CHOICES).get(state, state))


@register.filter
def price(usd_per_hour: float | None) -> str:
    """An hour's price; in words where there is none, or none is known."""
    if usd_per_hour is None:
        return _("not known")
    if usd_per_hour == 0:
        return "0"
    return f"${usd_per_hour:.3f}"


@register.filter
def a_month(usd_per_hour: float | None) -> str:
    return "" if usd_per_hour is None else f"${usd_per_hour * HOURS_A_MONTH:,.0f}"


@register.filter
def as_json(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


@register.filter
def with_breaks(text: str) -> SafeString:
    """A long name or path that may be broken between its parts, and nowhere else."""
    return mark_safe(re.sub(r"([/:@.])", r"\1<wbr>", escape(text)))  # noqa: S308 -- escaped
