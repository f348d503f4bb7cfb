from django import forms
from django.utils.translation import gettext_lazy as _


class ProjectForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        help_text=_("One a line; the first nine get the keys 1 to 9."),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    guide = forms.CharField(
        label=_("Guide for annotators"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def clean_labels(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["labels"].splitlines()]
        names = [line for line in lines if line]
        seen: set[str] = set()
        for name in names:
            if name.lower() in seen:
                raise forms.ValidationError(
                    _("%(name)s stands here twice.") % {"name": name}
                )
            seen.add(name.lower())
        return names


class SettingsForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    guide = forms.CharField(
        label=_("Guide for annotators"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
    )
