from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.parsers import number
from apps.diagnostics.transfer.types import LEAST_IMAGES, MOST_IMAGES, NewSearch
from apps.labeling.types import DatasetVersionInfo, Split

SPLIT_CHOICES = [
    (Split.VAL.value, _("Validation")),
    (Split.TEST.value, _("Test")),
    (Split.TRAIN.value, _("Training")),
]


class SearchForm(forms.Form):
    """By which images a model is looked for: some of a version, or those chosen by hand.

    Attributes:
        num_chosen: How many were chosen by hand; 0 lets the platform choose.
    """

    images = forms.CharField(widget=forms.HiddenInput, required=False)
    version = forms.TypedChoiceField(label=_("Data"), coerce=int)
    split = forms.ChoiceField(
        label=_("Images of"), choices=[("", _("All")), *SPLIT_CHOICES], required=False
    )
    num_images = forms.IntegerField(
        label=_("How many of them"),
        min_value=LEAST_IMAGES,
        max_value=MOST_IMAGES,
        initial=40,
    )
    most_ms = forms.FloatField(
        label=_("Milliseconds a picture, at most"),
        min_value=1,
        max_value=60_000,
        required=False,
        help_text=_("On this host. Empty: however long it takes."),
    )

    def __init__(
        self,
        *arguments: object,
        versions: Sequence[DatasetVersionInfo],
        **given: object,
    ) -> None:
        super().__init__(*arguments, **given)  # type: ignore[arg-type]  # handed on as given
        self.fields["version"].choices = [  # type: ignore[attr-defined]  # a choice field
            (one.id, f"{one.project} v{one.number}") for one in versions
        ]
        self.num_chosen = len(_ids(self["images"].value()))
        if self.num_chosen:
            del self.fields["split"], self.fields["num_images"]

    def wanted(self) -> NewSearch:
        """What a valid form asks for."""
        given = self.cleaned_data
        chosen = _ids(given.pop("images"))
        return NewSearch(version_id=given.pop("version"), image_ids=chosen, **given)


def _ids(text: str | None) -> tuple[int, ...]:
    """Ids of images between commas; what is none is 0, which no image has."""
    return tuple(number(one) or 0 for one in (text or "").split(",") if one)
