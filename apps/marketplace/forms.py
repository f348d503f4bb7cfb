from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.types import Scope
from apps.marketplace.models import GATE_CHOICES, VISIBILITY_CHOICES


class SettingsForm(forms.Form):
    """Who sees a repository, and what stands before its files."""

    visibility = forms.ChoiceField(label=_("Who sees it"), choices=VISIBILITY_CHOICES)
    gate = forms.ChoiceField(
        label=_("Who gets its files"),
        choices=GATE_CHOICES,
        help_text=_("A gate stands before people from outside the workspace."),
    )
    gate_terms = forms.CharField(
        label=_("Terms"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("Shown to whoever asks for access."),
    )


class RenameForm(forms.Form):
    """Where a repository is to live."""

    namespace = forms.ChoiceField(label=_("Namespace"))
    name = forms.CharField(label=_("Name"), max_length=96)

    def __init__(self, *args: Any, namespaces: Sequence[str], **given: Any) -> None:
        super().__init__(*args, **given)
        choices = [(name, name) for name in namespaces]
        cast("forms.ChoiceField", self.fields["namespace"]).choices = choices


class ClearanceForm(forms.Form):
    """Why a revision may be used although scanners found something in it."""

    revision = forms.CharField(max_length=200, widget=forms.HiddenInput)
    reason = forms.CharField(label=_("Why it may be used"), max_length=500)


class LimitedTokenForm(forms.Form):
    """A token for named repositories."""

    name = forms.CharField(label=_("What is it for?"), max_length=120)
    repositories = forms.CharField(
        label=_("Repositories"),
        max_length=25_000,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=_(
            "One a line: namespace/name for a model, datasets/namespace/name for a "
            "dataset."
        ),
    )
    scope = forms.ChoiceField(
        label=_("It may"),
        choices=[
            (Scope.READ.value, _("Read")),
            (Scope.WRITE.value, _("Read and write")),
        ],
    )
    days = forms.IntegerField(
        label=_("Days until it expires"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=_("Empty: until you revoke it."),
    )


class _Names(forms.CharField):
    """Words with commas, spaces or lines between them."""

    def to_python(self, value: str | None) -> list[str]:  # type: ignore[override]  # a list, not one text
        return (super().to_python(value) or "").replace(",", " ").split()


class LicencesForm(forms.Form):
    """Which licences a workspace works with."""

    allowed = _Names(
        label=_("Allowed"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_(
            "SPDX identifiers, such as MIT, Apache-2.0. Empty: all that is not denied."
        ),
    )
    denied = _Names(
        label=_("Denied"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
        help_text=_(
            "Wins over allowed. unknown is a rule too: no licence, or one that SPDX "
            "lacks."
        ),
    )
