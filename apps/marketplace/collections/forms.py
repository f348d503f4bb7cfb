from django import forms
from django.utils.translation import gettext_lazy as _

from apps.marketplace.collections.models import MAX_TEXT, MAX_TITLE


class CollectionForm(forms.Form):
    """What a collection is called, and what it is for."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE)
    description = forms.CharField(
        label=_("What is it for?"),
        required=False,
        max_length=MAX_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class ItemForm(forms.Form):
    model = forms.CharField(
        label=_("Model"), max_length=200, help_text=_("namespace/name")
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=MAX_TEXT)
