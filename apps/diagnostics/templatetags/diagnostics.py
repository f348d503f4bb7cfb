"""Words, buttons and boxes of reports."""

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.diagnostics.formats.showing import ShownEvidence, ShownFinding
from apps.diagnostics.models import Report
from deepseek_diagnostics.page import heat_rects

register = template.Library()


@register.simple_tag
def severity_word(severity: str) -> str:
    """How a tool's worst finding stands, in a word."""
    words = {
        "bad": _("act"),
        "warn": _("look"),
        "info": _("note"),
        "good": _("good"),
        "skipped": _("left out"),
    }
    return words.get(severity, severity)


@register.simple_tag
def verdict_chip(verdict: str) -> SafeString:
    """Whether an action brought something."""
    words = {
        "gain": ("good", _("gain")),
        "loss": ("bad", _("loss")),
        "no effect": ("", _("no effect")),
    }
    tone, word = words.get(verdict, ("", verdict))
    return format_html('<span class="chip" data-tone="{}">{}</span>', tone, word)


@register.simple_tag
def finding_action(report: Report, finding: ShownFinding) -> SafeString | str:
    """The button that begins what a finding advises."""
    first = next(
        (one.picture.image_id for one in finding.evidence if one.picture.image_id), None
    )
    if finding.action in {"queue", "label"} and first is not None:
        url, text = reverse("labeling:editor", args=[first]), _("Open in the editor")
    elif finding.action == "label":
        project = report.version.project_id
        url, text = reverse("labeling:gallery", args=[project]), _("Label more images")
    elif finding.action == "train":
        base = report.revision_id or ""
        url = f"{reverse('training:new')}?version={report.version_id}&base={base}"
        text = _("Train again")
    else:
        return ""
    return format_html(
        '<p><a class="button quiet small" href="{}">{}</a></p>', url, text
    )


@register.simple_tag
def evidence_marks(one: ShownEvidence) -> SafeString:
    """Boxes over a picture, in its own pixels: labeled ones dashed, found ones named."""
    return format_html(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="xMidYMid slice" '
        'aria-hidden="true">{}{}</svg>',
        one.picture.width,
        one.picture.height,
        # Numbers alone go into it.
        SafeString(heat_rects(one.heat, one.picture.width, one.picture.height)),
        format_html_join(
            "",
            '<g class="{}"><rect x="{}" y="{}" width="{}" height="{}"/>'
            "<title>{}</title></g>",
            (
                (
                    mark.kind,
                    mark.bbox[0],
                    mark.bbox[1],
                    round(mark.bbox[2] - mark.bbox[0], 1),
                    round(mark.bbox[3] - mark.bbox[1], 1),
                    mark.label
                    if mark.score is None
                    else f"{mark.label} {mark.score:.2f}",
                )
                for mark in one.marks
            ),
        ),
    )
