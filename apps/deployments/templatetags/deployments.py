"""States in words, and the traffic of the last minutes as a picture."""

from collections.abc import Sequence
from typing import Any

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.deployments.engines.asking import Outline
from apps.deployments.models import Endpoint, EndpointKey
from apps.deployments.types import EndpointState, Figures, Stage

register = template.Library()

STATES = {
    EndpointState.STARTING: gettext_lazy("Starting"),
    EndpointState.LIVE: gettext_lazy("Live"),
    EndpointState.DEGRADED: gettext_lazy("Some replicas are down"),
    EndpointState.ASLEEP: gettext_lazy("Asleep, wakes at the next request"),
    EndpointState.PAUSED: gettext_lazy("Paused"),
    EndpointState.FAILED: gettext_lazy("Failed"),
}
WIDTH, HEIGHT = 600, 120


@register.filter
def endpoint_state_name(state: str) -> str:
    return str(STATES[EndpointState(state)])


@register.filter
def stage_text(endpoint: Endpoint) -> str:
    if endpoint.stage == Stage.SHADOW:
        return _("sees live requests, its answers are only compared")
    if endpoint.stage == Stage.CANARY:
        return _("answers %(share)d %% of the requests") % {"share": endpoint.share}
    return _("starting")


@register.filter
def limits_text(key: EndpointKey) -> str:
    parts = []
    if key.per_minute:
        parts.append(
            ngettext("%(num)d a minute", "%(num)d a minute", key.per_minute)
            % {"num": key.per_minute}
        )
    if key.per_day:
        parts.append(
            ngettext("%(num)d a day", "%(num)d a day", key.per_day)
            % {"num": key.per_day}
        )
    return ", ".join(parts)


@register.inclusion_tag("deployments/chart.html")
def traffic_chart(history: Sequence[Figures]) -> dict[str, Any]:
    """Requests a second as bars, the 95th percentile as a line, half a minute each."""
    most = max((each.per_s for each in history), default=0.0) or 1.0
    slowest = max((each.p95_ms or 0.0 for each in history), default=0.0) or 1.0
    wide = WIDTH / max(1, len(history))
    bars = [
        {
            "x": round(number * wide, 1),
            "y": round(HEIGHT - HEIGHT * each.per_s / most, 1),
            "width": round(wide * 0.8, 1),
            "height": round(HEIGHT * each.per_s / most, 1),
            "has_errors": each.num_errors > 0,
        }
        for number, each in enumerate(history)
        if each.num
    ]
    points = [
        f"{(number + 0.4) * wide:.1f},{HEIGHT - HEIGHT * each.p95_ms / slowest:.1f}"
        for number, each in enumerate(history)
        if each.p95_ms is not None
    ]
    return {
        "bars": bars,
        "points": " ".join(points),
        "most": most,
        "slowest": slowest,
        "rows": [each for each in history if each.num],
        "width": WIDTH,
        "height": HEIGHT,
    }


@register.filter
def num_above(found: Sequence[Outline], threshold: float | str) -> int:
    """How many are at least so sure; all of them where no threshold is given."""
    return sum(one.score >= float(threshold or 0) for one in found)


@register.filter
def unlocalized(number: float) -> str:
    """A number as SVG wants it, whatever the language."""
    return f"{number:g}"
