"""Puts data right as a finding advises: labels, splits, copies."""

from contextlib import suppress
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.diagnostics import selectors
from apps.diagnostics.models import Report
from apps.labeling.errors import NotSubmittedError
from apps.labeling.selectors import pictures_in_versions
from apps.labeling.services.images import delete_image, set_split
from apps.labeling.services.reviewing import remark, send_back
from apps.labeling.types import Split
from deepseek_diagnostics.result import Evidence, Finding
from deepseek_diagnostics.words import say

if TYPE_CHECKING:
    from apps.accounts.models import User


def send_back_all(user: "User", report: Report, finding: Finding) -> list[int]:
    """Answer which images went back; one that is worked on already is left alone."""
    living = _living(report, [one.image for one in finding.evidence])
    sent: dict[int, None] = {}
    for one in finding.evidence:
        image_id = living.get(one.image)
        if image_id is None:
            continue
        text = _told(finding, one)
        if image_id in sent:
            remark(user=user, image_id=image_id, text=text, pin=_pin(one))
            continue
        with suppress(NotSubmittedError):
            send_back(user=user, image_id=image_id, text=text, pin=_pin(one))
            sent[image_id] = None
    return list(sent)


def put_into_training(user: "User", report: Report, finding: Finding) -> int:
    """Give both pictures of every leaking pair the training split."""
    living = _living(report, [pk for pair in _pairs(report, finding) for pk in pair])
    return set_split(
        user=user,
        project_id=report.version.project_id,
        image_ids=list(living.values()),
        split=Split.TRAIN,
    )


def delete_copies(user: "User", report: Report, finding: Finding) -> int:
    """Delete copies until of every pair one picture is left; answer how many."""
    pairs = _pairs(report, finding)
    living = _living(report, [pk for pair in pairs for pk in pair])
    gone: set[int] = set()
    for first, second in pairs:
        if first in living and second in living and not gone & {first, second}:
            gone.add(second)
            delete_image(user=user, image_id=living[second])
    return len(gone)


def _pairs(report: Report, finding: Finding) -> list[list[int]]:
    """All pairs that the finding speaks of, also those that are not shown."""
    name = {"duplicates.leak": "leaks", "duplicates.copies": "copies"}[finding.code]
    for result in selectors.results_of(report.pk):
        if result.tool == "duplicates":
            return list(result.values[name])
    return []


def _living(report: Report, ids: list[int]) -> dict[int, int]:
    """The image of the project, where it is still there, for each of the version."""
    pictures = pictures_in_versions(version_ids=[report.version_id], ids=ids)
    return {pk: one.image_id for pk, one in pictures.items() if one.image_id}


def _told(finding: Finding, one: Evidence) -> str:
    """What the annotator reads beside the pin."""
    what = say(one.text, one.figures, _)
    asked = {
        "labels.missing": _("An object is probably not labeled here: {what}"),
        "labels.class": _("This is probably of another class: {what}"),
        "labels.place": _("This box is probably badly drawn: {what}"),
    }
    whole = say(finding.text, finding.figures, _)
    return asked.get(finding.code, whole).format(what=what)[:1000]


def _pin(one: Evidence) -> tuple[float, float] | None:
    if not one.marks:
        return None
    x1, y1, x2, y2 = one.marks[0].bbox
    return (x1 + x2) / 2, (y1 + y2) / 2
