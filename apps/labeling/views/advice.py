"""What a manager should do about a project's labels, the most pressing first."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.labeling.models import Project
from apps.labeling.selectors.quality import Card, Quality

# Krippendorff's own bounds: below the first no conclusions, above the second firm ones.
POOR_ALPHA, GOOD_ALPHA = 0.667, 0.8
GOOD_TESTS = 0.8
ENOUGH_IMAGES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One thing to do.

    Attributes:
        tone: "bad", "warn" or "good".
        act: What the page's form does at once; empty where a link leads on.
    """

    text: str
    tone: str = "warn"
    action: str = ""
    url: str = ""
    act: str = ""


def advise(quality: Quality, *, project: Project) -> list[Advice]:
    advice = [
        *_on_waiting(quality),
        *_on_people(quality),
        *_on_guide(quality),
        *_on_measuring(quality, project),
    ]
    return advice or [
        Advice(
            text=_("Nothing needs you: people agree, and tests are met."), tone="good"
        )
    ]


def _on_waiting(quality: Quality) -> Iterator[Advice]:
    if quality.num_ready:
        yield Advice(
            text=ngettext(
                "%(num)s image is labeled by everybody and waits to be merged.",
                "%(num)s images are labeled by everybody and wait to be merged.",
                quality.num_ready,
            )
            % {"num": quality.num_ready},
            action=_("Merge what the majority drew"),
            act="merge",
        )
    if quality.disputed:
        yield Advice(
            text=ngettext(
                "%(num)s merged image has objects without a majority: you decide.",
                "%(num)s merged images have objects without a majority: you decide.",
                len(quality.disputed),
            )
            % {"num": len(quality.disputed)},
            action=_("Look at the first"),
            url=reverse("labeling:compare", args=[quality.disputed[0]]),
        )


def _on_people(quality: Quality) -> Iterator[Advice]:
    for card in quality.cards:
        tests = card.tests
        if tests and tests.num >= ENOUGH_IMAGES and tests.high < GOOD_TESTS:
            yield Advice(
                text=_(
                    "%(name)s meets %(share)s %% of the tests; %(fault)s. Go through "
                    "the guide together."
                )
                % {
                    "name": card.user,
                    "share": round(100 * tests.value),
                    "fault": _fault(card),
                },
                tone="bad",
            )


def _fault(card: Card) -> str:
    faults = {
        card.num_missed: _("mostly objects are missed"),
        card.num_extra: _("mostly there are objects too many"),
        card.num_confused: _("mostly labels are confused"),
    }
    return faults[max(faults)]


def _on_guide(quality: Quality) -> Iterator[Advice]:
    alpha = quality.alpha
    if alpha is None or alpha.num < ENOUGH_IMAGES or alpha.low >= GOOD_ALPHA:
        return
    url = (
        reverse("labeling:compare", args=[quality.least_alike[0].image_id])
        if quality.least_alike
        else ""
    )
    action = _("Compare the least alike") if url else ""
    if alpha.value < POOR_ALPHA:
        text = _("People see the same images differently: sharpen the guide.")
        yield Advice(text=text, tone="bad", action=action, url=url)
    elif url:
        text = _("Agreement is fair, not firm: see where people differ.")
        yield Advice(text=text, action=action, url=url)


def _on_measuring(quality: Quality, project: Project) -> Iterator[Advice]:
    if not quality.num_shared:
        yield Advice(
            text=_(
                "How far labels agree is not known: have a sample labeled by two people."
            ),
            action=_("Draw a sample"),
            url="#overlap",
        )
    if not quality.num_truths:
        yield Advice(
            text=_(
                "Nobody is tested: choose accepted images in the gallery and use them "
                "as tests."
            ),
            action=_("Choose images"),
            url=reverse("labeling:gallery", args=[project.pk]) + "?state=submitted",
        )
    elif not project.honeypot_percent:
        yield Advice(
            text=_("There are tests, but none is handed out."),
            action=_("Say how many"),
            url="#honeypots",
        )
