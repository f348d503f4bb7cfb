from django import forms
from django.utils.translation import gettext_lazy as _


class FetchForm(forms.Form):
    """Which model of the upstream comes here, and how it is called then."""

    source = forms.CharField(
        label=_("Model at the upstream"),
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "timm/resnet18.a1_in1k"}),
    )
    revision = forms.CharField(
        label=_("Revision"),
        max_length=200,
        required=False,
        help_text=_("A branch, tag or commit there; else main."),
    )
    name = forms.CharField(
        label=_("Name here"),
        max_length=96,
        required=False,
        help_text=_("Else as there."),
    )
