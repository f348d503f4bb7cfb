from django import forms
from django.utils.translation import gettext_lazy as _

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
