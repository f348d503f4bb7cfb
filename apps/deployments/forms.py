from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.deployments.types import MAX_REPLICAS, MAX_THREADS, Rollout

SLEEP_CHOICES = [
    (0, _("Never: the first answer is always quick")),
    (300, _("After 5 idle minutes")),
    (3600, _("After an idle hour")),
]
ROLLOUT_CHOICES = [
    (Rollout.SWITCH.value, _("Switch as soon as it is ready")),
    (Rollout.CANARY.value, _("Try it on live traffic first, and go back by itself")),
]


class EndpointForm(forms.Form):
    """What is deployed; the models to choose from are given by the view."""

    model = forms.ChoiceField(label=_("Model"))
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": _("Line 3, camera 2")}),
    )
    num_replicas = forms.IntegerField(
        label=_("Replicas"),
        initial=1,
        min_value=1,
        max_value=MAX_REPLICAS,
        help_text=_("Two keep answering while one is replaced."),
    )
    num_threads = forms.IntegerField(
        label=_("Requests at once, for a replica"),
        initial=1,
        min_value=1,
        max_value=MAX_THREADS,
        help_text=_("Each takes one core while it is answered."),
    )
    sleep_after_s = forms.TypedChoiceField(
        label=_("Sleep"), choices=SLEEP_CHOICES, coerce=int, initial=0
    )

    def __init__(
        self, *args: Any, models: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["model"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = models


class ReleaseForm(forms.Form):
    model = forms.ChoiceField(label=_("Model"))
    rollout = forms.ChoiceField(
        label=_("How"), choices=ROLLOUT_CHOICES, initial=Rollout.SWITCH.value
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
        label=_("Replicas"), min_value=1, max_value=MAX_REPLICAS
    )
    sleep_after_s = forms.TypedChoiceField(
        label=_("Sleep"), choices=SLEEP_CHOICES, coerce=int
    )


class KeyForm(forms.Form):
    name = forms.CharField(
        label=_("For whom"),
        max_length=80,
        widget=forms.TextInput(attrs={"placeholder": _("Camera gateway")}),
    )
    per_minute = forms.IntegerField(
        label=_("Requests a minute"), initial=0, min_value=0, max_value=10**6
    )
    per_day = forms.IntegerField(
        label=_("Requests a day"),
        initial=0,
        min_value=0,
        max_value=10**8,
        help_text=_("0 is without a limit."),
    )


def plan_of(*, num_replicas: int, num_threads: int) -> list[str]:
    """What a deployment will take here, in sentences, before it is made."""
    return [
        ngettext(
            "%(num)d process of about 170 MB on this host",
            "%(num)d processes of about 170 MB each on this host",
            num_replicas,
        )
        % {"num": num_replicas},
        ngettext(
            "up to %(num)d core while requests come in",
            "up to %(num)d cores while requests come in",
            num_replicas * num_threads,
        )
        % {"num": num_replicas * num_threads},
    ]
