"""Figures with their intervals, and what several people agree on."""

from collections.abc import Mapping

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.labeling.agreement.consensus import Consensus
from apps.labeling.agreement.intervals import Estimate
from apps.labeling.models import Image, Label
from apps.labeling.templatetags.overlay import drawn

register = template.Library()

WIDTH = 100


@register.simple_tag
def interval(estimate: Estimate | None, *, low: float = 0.0) -> SafeString:
    """Draw a figure and its 95 % interval on a scale from ``low`` to 1."""
    if estimate is None:
        return format_html('<span class="faint">{}</span>', _("not measured"))

    def place(value: float) -> str:
        share = (value - low) / (1 - low)
        return f"{WIDTH * min(max(share, 0), 1):.1f}"

    return format_html(
        '<span class="interval" title="{}"><strong>{}</strong>'
        '<svg viewBox="0 -4 {} 8" preserveAspectRatio="none" aria-hidden="true">'
        '<line class="scale" x1="0" x2="{}" y1="0" y2="0"/>'
        '<line class="range" x1="{}" x2="{}" y1="0" y2="0"/>'
        '<line class="at" x1="{}" x2="{}" y1="-4" y2="4"/></svg>'
        '<span class="faint">{}\u2013{}</span></span>',
        ngettext("over %(num)s image", "over %(num)s images", estimate.num)
        % {"num": estimate.num},
        f"{estimate.value:.2f}",
        WIDTH,
        WIDTH,
        place(estimate.low),
        place(estimate.high),
        place(estimate.value),
        place(estimate.value),
        f"{estimate.low:.2f}",
        f"{estimate.high:.2f}",
    )


@register.simple_tag
def consensus_overlay(
    image: Image, found: Consensus, labels: Mapping[int, Label]
) -> SafeString:
    """Draw what most people drew, and dashed what nobody decided."""
    boxes = [
        ("annotation", one.bbox, labels[one.label_id].color) for one in found.agreed
    ]
    boxes += [
        ("disputed", one.bbox, "")
        for cluster in found.disputed
        for one in cluster.values()
    ]
    return drawn(image, boxes, fit="meet")


@register.filter
def of_person(values: Mapping[int, float], user_id: int) -> float | None:
    return values.get(user_id)
