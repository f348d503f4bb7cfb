"""Times and events of jobs, in words."""

from datetime import UTC, datetime, timedelta

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.jobs.models import STATUS_CHOICES, JobEvent
from apps.jobs.types import EventKind, JobStatus

register = template.Library()


@register.simple_tag
def duration(start: datetime, end: datetime) -> str:
    """The time between two moments: 0.4 s, 12 s, 3:07, 1:02:45."""
    seconds = (end - start).total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def length_of_time(seconds: float) -> str:
    """A length of time as the clock shows it: 0.4 s, 12 s, 3:07."""
    zero = datetime.fromtimestamp(0, UTC)
    return duration(zero, zero + timedelta(seconds=seconds))


@register.filter
def percent(share: float) -> int:
    return round(100 * share)


@register.simple_tag
def status_texts() -> SafeString:
    """The names of all statuses, for the script that follows a job."""
    return format_html_join(" ", 'data-text-{}="{}"', STATUS_CHOICES)


@register.filter
def status_name(status: str) -> str:
    """A status in words."""
    return str(dict(STATUS_CHOICES)[JobStatus(status)])


@register.filter
def in_words(name: str) -> str:
    """A kind of work, or a number of its result, as people call it."""
    words = {
        "prelabel": _("Pre-label"),
        "train": _("Train"),
        "diagnose": _("Diagnose"),
        "apply": _("Change a model"),
        "import": _("Import"),
        "export": _("Export"),
        "tile": _("Tiles"),
        "deploy": _("Deploy"),
        "num_images": _("Images"),
        "num_predictions": _("Proposals"),
        "state": _("State"),
        "progress": _("Progress"),
        "item": _("Image"),
        "log": _("Log"),
        "metric": _("Figures"),
        "samples": _("Samples"),
        "model": _("Model"),
        "revision": _("Revision"),
    }
    return words.get(name, name)


@register.filter
def cause_name(code: str) -> str:
    """Why a job failed, in a few words."""
    causes = {
        "out_of_memory": _("Out of memory"),
        "killed": _("Killed by the system"),
        "crashed": _("The engine crashed"),
        "disk_full": _("The disk is full"),
        "storage_full": _("The disk is full"),
        "device_fault": _("The device failed"),
        "diverged": _("The loss ran away"),
        "bad_input": _("The input was refused"),
        "engine_failed": _("The engine failed"),
        "worker_lost": _("Its worker was lost"),
        "time_limit": _("Time limit reached"),
    }
    return causes.get(code, code)


@register.simple_tag
def event_text(event: JobEvent) -> str:
    """What an event says, as a person would put it."""
    given = event.payload
    match event.kind:
        case EventKind.PROGRESS:
            return f"{given.get('done')} / {given.get('total')}"
        case EventKind.ITEM if "name" in given:
            return (
                f"{given['name']}: {given['error']}"
                if "error" in given
                else given["name"]
            )
        case EventKind.ITEM if given.get("error"):
            words = _("image %(id)s: %(error)s")
            return words % {"id": given.get("image_id"), "error": given["error"]}
        case EventKind.ITEM:
            num = given.get("num_predictions") or 0
            words = ngettext(
                "image %(id)s: %(num)s proposal", "image %(id)s: %(num)s proposals", num
            )
            return words % {"id": given.get("image_id"), "num": num}
        case EventKind.METRIC:
            told = ", ".join(f"{k} {v:.4g}" for k, v in given["values"].items())
            return f"{given.get('step')}: {told}"
        case EventKind.SAMPLES:
            return str(given.get("step"))
        case EventKind.LOG:
            return str(given.get("line", ""))
    return str(given.get("detail", ""))
