from dataclasses import dataclass
from typing import Any

import psutil
from django import forms
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.deployments.types import (
    MAX_REPLICAS,
    MAX_SHARE,
    MAX_THREADS,
    USUAL_SHARE,
    Rollout,
)

REPLICA_BYTES = 200 * 2**20  # the most that a replica is meant to take
SLEEP_CHOICES = [
    (0, gettext_lazy("Never: always quick")),
    (300, gettext_lazy("After 5 idle minutes")),
    (3600, gettext_lazy("After an idle hour")),
]
ROLLOUT_CHOICES = [
    (Rollout.SWITCH.value, gettext_lazy("Switch as soon as it is ready")),
    (
        Rollout.CANARY.value,
        gettext_lazy("Try it on live traffic first, and go back by itself"),
    ),
]


class EndpointForm(forms.Form):
    """What is deployed; the models to choose from are given by the view."""

    model = forms.ChoiceField(label=gettext_lazy("Model"))
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Line 3, camera 2")}),
    )
    num_replicas = forms.IntegerField(
        label=gettext_lazy("Replicas"),
        initial=1,
        min_value=1,
        max_value=MAX_REPLICAS,
        help_text=gettext_lazy("Two keep answering while one is replaced."),
    )
    num_threads = forms.IntegerField(
        label=gettext_lazy("Requests at once, for a replica"),
        initial=1,
        min_value=1,
        max_value=MAX_THREADS,
        help_text=gettext_lazy("Each takes one core while it is answered."),
    )
    sleep_after_s = forms.TypedChoiceField(
        label=gettext_lazy("Sleep"), choices=SLEEP_CHOICES, coerce=int, initial=0
    )

    def __init__(
        self, *args: Any, models: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = models


class ReleaseForm(forms.Form):
    model = forms.ChoiceField(label=gettext_lazy("Model"))
    rollout = forms.ChoiceField(
        label=gettext_lazy("How"), choices=ROLLOUT_CHOICES, initial=Rollout.SWITCH.value
    )
    share = forms.IntegerField(
        label=gettext_lazy("Percent of the requests that it answers on trial"),
        initial=USUAL_SHARE,
        min_value=1,
        max_value=MAX_SHARE,
        help_text=gettext_lazy(
            "Before that it is asked unseen. All of them are its own once it has passed."
        ),
    )

    def __init__(
        self, *args: Any, models: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = models


class ScaleForm(forms.Form):
    num_replicas = forms.IntegerField(
        label=gettext_lazy("Replicas"), min_value=1, max_value=MAX_REPLICAS
    )
    sleep_after_s = forms.TypedChoiceField(
        label=gettext_lazy("Sleep"), choices=SLEEP_CHOICES, coerce=int
    )


class KeyForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("For whom"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("Camera gateway")}),
    )
    per_minute = forms.IntegerField(
        label=gettext_lazy("Requests a minute"), initial=0, min_value=0, max_value=10**6
    )
    per_day = forms.IntegerField(
        label=gettext_lazy("Requests a day"),
        initial=0,
        min_value=0,
        max_value=10**8,
        help_text=gettext_lazy("0 is without a limit."),
    )


BLUR_CHOICES = [
    (0, gettext_lazy("No")),
    (3, gettext_lazy("Slightly")),
    (12, gettext_lazy("Strongly: shapes remain, no faces and no writing")),
]
SIDE_CHOICES = [(640, "640 px"), (1280, "1280 px"), (2560, "2560 px")]


class SamplingForm(forms.Form):
    """Which live pictures labelers get; the projects are given by the view."""

    project_id = forms.TypedChoiceField(label=gettext_lazy("Into project"), coerce=int)
    per_day = forms.IntegerField(
        label=gettext_lazy("Pictures a day, at most"),
        initial=50,
        min_value=1,
        max_value=1000,
    )
    unsure_below = forms.FloatField(
        label=gettext_lazy("Doubtful below a score of"),
        initial=0.5,
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )
    longest_side = forms.TypedChoiceField(
        label=gettext_lazy("Made smaller, to"),
        choices=SIDE_CHOICES,
        coerce=int,
        initial=1280,
    )
    blur_px = forms.TypedChoiceField(
        label=gettext_lazy("Blurred"), choices=BLUR_CHOICES, coerce=int, initial=0
    )
    keep_days = forms.IntegerField(
        label=gettext_lazy("Days until a picture that nobody got is deleted"),
        initial=14,
        min_value=1,
        max_value=365,
    )
    is_agreed = forms.BooleanField(
        label=gettext_lazy("Those who are seen, and those who send pictures, agree")
    )

    def __init__(
        self, *args: Any, projects: list[tuple[int, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["project_id"]
        assert isinstance(field, forms.TypedChoiceField)
        field.choices = projects


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deployment will take here, in sentences, before it is made."""

    lines: list[str]
    is_short: bool


def plan_of(*, num_replicas: int, num_threads: int) -> Plan:
    """Count what an endpoint of this size takes, and look whether the host has it."""
    needed = num_replicas * REPLICA_BYTES
    free = psutil.virtual_memory().available
    processes = ngettext(
        "%(num)d process on this host, up to %(size)s of memory (%(free)s are free)",
        "%(num)d processes on this host, up to %(size)s of memory (%(free)s are free)",
        num_replicas,
    ) % {
        "num": num_replicas,
        "size": filesizeformat(needed),
        "free": filesizeformat(free),
    }
    cores = ngettext(
        "up to %(num)d core while requests come in",
        "up to %(num)d cores while requests come in",
        num_replicas * num_threads,
    ) % {"num": num_replicas * num_threads}
    lines = [
        _("an address that never changes, and a first key for its callers"),
        processes,
        cores,
        _("nothing outside of this host, and nothing that costs money"),
    ]
    is_short = needed > free
    if is_short:
        lines.append(_("memory will not do: choose fewer replicas, or free some"))
    return Plan(lines=lines, is_short=is_short)
