from django import forms
from django.utils.translation import gettext_lazy as _

from apps.marketplace.feedback.services import MAX_CHARS


class ThreadForm(forms.Form):
    """A question, a report or a wish."""

    title = forms.CharField(label=_("In a line"), max_length=200)
    text = forms.CharField(
        label=_("What happened, or what do you need?"),
        max_length=MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    about = forms.CharField(
        label=_("About"),
        required=False,
        max_length=120,
        help_text=_("A revision, a version or a file, if it is about one."),
    )


class AnswerForm(forms.Form):
    text = forms.CharField(
        label=_("Your answer"),
        max_length=MAX_CHARS,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
