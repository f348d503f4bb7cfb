"""Words, buttons and boxes of reports."""

from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.diagnostics.formats.showing import (
    ShownEvidence,
    ShownFinding,
    tool_title,
)
from apps.diagnostics.models import Report
from apps.marketplace.types import OWN_FORMAT
from deepseek_diagnostics.page import heat_rects
from deepseek_diagnostics.words import as_text

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


def is_detector(report: Report) -> bool:
    """Whether the report's model is one that trains and is changed here."""
    return report.revision is None or report.revision.format == OWN_FORMAT


@register.filter
def as_figure(value: float) -> str:
    """A number as findings say it."""
    return as_text(value)


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
def finding_link(report: Report, finding: ShownFinding) -> SafeString | str:
    """Where what a finding advises begins, if it begins on another page."""
    url, text = _link(report, finding)
    if not url:
        return ""
    return format_html('<a class="button quiet small" href="{}">{}</a>', url, text)


def _link(report: Report, finding: ShownFinding) -> tuple[str, str]:
    first = next(
        (one.picture.image_id for one in finding.evidence if one.picture.image_id), None
    )
    match finding.action:
        case "queue" | "label" | "remove" if first is not None:
            return reverse("labeling:editor", args=[first]), _("Open in the editor")
        case "label":
            project = report.version.project_id
            address = reverse("labeling:gallery", args=[project])
            return address, _("Label more images")
        case "train" | "smaller":
            # A preset is a network of its own size, which nothing of another one fits.
            is_base = "preset" not in finding.changes and is_detector(report)
            base = report.revision_id or "" if is_base else ""
            choices = {"version": report.version_id, "base": base}
            query = urlencode(choices | dict(finding.changes))
            return f"{reverse('training:new')}?{query}", _("Choose how to train")
        case "precision":
            address = reverse("diagnostics-api:export", args=[report.pk])
            return f"{address}?form=precision", _("Precision of each layer")
        case "measure":
            choices = {"version": report.version_id, "model": report.revision_id or ""}
            query = urlencode(choices | dict(finding.changes))
            tool = tool_title(str(finding.changes.get("tool", "")))
            address = f"{reverse('diagnostics:new')}?{query}"
            return address, _("Measure with “{tool}”").format(tool=tool)
        case "deploy":
            query = urlencode({"model": report.model_name.partition("@")[0]})
            return f"{reverse('deployments:new')}?{query}", _("Deploy it")
        case _:
            return "", ""


@register.simple_tag
def finding_button(report: Report, finding: ShownFinding) -> str:
    """What a press of a finding's button does; empty where it has none."""
    match finding.action:
        case "temperature" | "precision" | "smaller" if not is_detector(report):
            return ""
        case "queue":
            return _("Send back to the annotators")
        case "split":
            return _("Put them into the training split and measure again")
        case "remove":
            return _("Delete one of each pair and measure again")
        case "threshold":
            return _("Set the threshold to {threshold} and measure again").format(
                threshold=finding.changes["score_threshold"]
            )
        case "temperature":
            return _("Apply the temperature and measure again")
        case "precision":
            return _("Keep these layers in float and measure again")
        case "smaller":
            return _("Narrow the model and measure again")
        case "train":
            return _("Train again and measure")
        case _:
            return ""


@register.simple_tag
def behind_address(report: Report, tool: str, plot: int) -> str:
    """Where a chart asks for the images behind its points."""
    return f"{reverse('diagnostics:behind', args=[report.pk])}?tool={tool}&plot={plot}"


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
