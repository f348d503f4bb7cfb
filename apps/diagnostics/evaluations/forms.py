from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.diagnostics.evaluations.models import SPLIT_CHOICES
from apps.labeling.types import DatasetVersionInfo


class EvaluationForm(forms.Form):
    """On what a model is to be measured."""

    version = forms.TypedChoiceField(label=_("Data"), coerce=int)
    split = forms.ChoiceField(label=_("Images of"), choices=SPLIT_CHOICES)

    def __init__(
        self, *arguments: object, versions: Sequence[DatasetVersionInfo]
    ) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]  # handed on as given
        self.fields["version"].choices = [  # type: ignore[attr-defined]  # a choice field
            (one.id, f"{one.project} v{one.number}") for one in versions
        ]
