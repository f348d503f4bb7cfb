from django import forms
from django.utils.translation import gettext_lazy as _


class WebhookForm(forms.Form):
    url = forms.URLField(label=_("Address"), max_length=500, assume_scheme="https")
    events = forms.CharField(
        label=_("Events"),
        required=False,
        max_length=500,
        help_text=_("Such as job.done, thread.*; empty is everything."),
    )

    def clean_events(self) -> list[str]:
        text = str(self.cleaned_data["events"])
        return text.replace(",", " ").split()
