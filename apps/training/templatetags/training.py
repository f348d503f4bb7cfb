"""Numbers, names and pictures of runs."""

import json
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.training.forms import PRESETS

register = template.Library()


@register.filter
def clock(seconds: float) -> str:
    """A length of time in its largest unit: 40 s, 3 min, 2.5 h."""
    if seconds < 90:
        return _("%(num)s s") % {"num": round(seconds)}
    if seconds < 90 * 60:
        return _("%(num)s min") % {"num": round(seconds / 60)}
    return _("%(num)s h") % {"num": round(seconds / 3600, 1)}


@register.filter
def preset_name(name: str) -> str:
    return str(PRESETS.get(name, name))


@register.filter
def preset_text(name: str) -> str:
    """What a preset is for."""
    texts = {
        "fast": _("Minutes on a laptop; to see whether the labels teach anything."),
        "balanced": _("The usual choice: good from some hundred images."),
        "accurate": _("Several times longer, for the last points of precision."),
        "edge": _("A third of the size and time in use, for small devices."),
        "outlines": _(
            "Outlines what it finds; learns from polygons and masks, for a GPU."
        ),
    }
    return texts.get(name, "")


@register.filter
def as_json(value: Any) -> str:
    return json.dumps(value)


@register.simple_tag
def sample_boxes(sample: dict[str, Any]) -> SafeString:
    """Boxes over a picture, in its own pixels: labeled ones dashed, found ones named."""
    return format_html(
        '<svg viewBox="0 0 {} {}" aria-hidden="true">{}{}</svg>',
        sample["width"],
        sample["height"],
        _rects(sample["truth"], "truth"),
        _rects(sample["found"], "found"),
    )


def _rects(rows: list[list[Any]], name: str) -> SafeString:
    return format_html_join(
        "",
        '<g class="{}"><rect x="{}" y="{}" width="{}" height="{}"/><title>{}</title></g>',
        (
            (name, x1, y1, round(x2 - x1, 1), round(y2 - y1, 1), f"{label} {score:.2f}")
            for label, score, x1, y1, x2, y2 in rows
        ),
    )
