from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from apps.labeling.formats.attributes import read_attributes, write_attributes
from apps.labeling.formats.registry import FORMATS
from apps.labeling.models import Label
from apps.labeling.models.images import KIND_CHOICES
from apps.labeling.models.versions import RULE_CHOICES
from apps.labeling.services.gathering import LEAST_EVERY_S, MOST_EVERY_S
from apps.labeling.services.overlap import MOST_PEOPLE
from apps.labeling.types import MOST_HONEYPOTS, ImageState, MergeRule, Shares

FORM_CHOICES = [(row.name, row.title) for row in FORMATS.values()]


class ProjectForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"placeholder": _("Scratches on line 3")}),
    )
    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        help_text=_("One a line; the first nine get the keys 1 to 9."),
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    guide = forms.CharField(
        label=_("Guide for annotators"),
        required=False,
        help_text=_("What counts, what does not, where a box ends. Key G shows it."),
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


class OverlapForm(forms.Form):
    num_images = forms.IntegerField(label=_("Images"), min_value=1, initial=50)
    num_people = forms.IntegerField(
        label=_("People for each"), min_value=2, max_value=MOST_PEOPLE, initial=2
    )


class AssignForm(forms.Form):
    assignee = forms.IntegerField(required=False)
    due_on = forms.DateField(required=False)


class RuleForm(forms.Form):
    people = forms.TypedMultipleChoiceField(
        label=_("For"), coerce=int, widget=forms.CheckboxSelectMultiple
    )
    name_part = forms.CharField(
        label=_("Name or folder contains"), required=False, max_length=255
    )
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Any")),
            (ImageState.UNLABELED.value, _("Unlabeled")),
            (ImageState.IN_PROGRESS.value, _("In progress")),
        ],
    )
    label_id = forms.TypedChoiceField(
        label=_("Label drawn or proposed"),
        required=False,
        coerce=int,
        empty_value=None,
    )
    min_score = forms.FloatField(
        label=_("A proposal scores at least"),
        required=False,
        min_value=0,
        max_value=1,
    )
    max_score = forms.FloatField(
        label=_("and at most"), required=False, min_value=0, max_value=1
    )
    due_in_days = forms.IntegerField(
        label=_("Due in days"), required=False, min_value=0, max_value=3650
    )

    def __init__(
        self,
        *args: Any,
        people: Iterable[tuple[int, str]],
        labels: Iterable[tuple[int, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._offer("people", list(people))
        self._offer("label_id", [("", _("Any")), *labels])

    def _offer(self, name: str, choices: list[tuple[Any, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices


class HoneypotForm(forms.Form):
    honeypot_percent = forms.IntegerField(
        label=_("Tests among 100 images"), min_value=0, max_value=MOST_HONEYPOTS
    )


class LabelSchemaForm(forms.Form):
    """How objects of a label are drawn, what is said of each, and its joints.

    Attributes are written as ``read_attributes`` says. Joints: ``head, neck, hand``;
    edges: ``head - neck``.
    """

    kinds = forms.MultipleChoiceField(
        label=_("Drawn as"),
        required=False,
        choices=KIND_CHOICES,
        help_text=_("None ticked: anything."),
        widget=forms.CheckboxSelectMultiple,
    )
    attributes = forms.CharField(
        label=_("Attributes, one a line"),
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 6, "class": "mono", "spellcheck": "false"}
        ),
    )
    joints = forms.CharField(label=_("Joints of its skeleton"), required=False)
    edges = forms.CharField(label=_("Edges between joints"), required=False)

    def clean_attributes(self) -> list[dict[str, Any]]:
        try:
            return read_attributes(self.cleaned_data["attributes"])
        except ValueError as exc:
            raise forms.ValidationError(str(exc)) from exc

    def clean_joints(self) -> list[str]:
        names = [part.strip() for part in self.cleaned_data["joints"].split(",")]
        return list(dict.fromkeys(filter(None, names)))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        joints = given.get("joints", [])
        edges = []
        for edge in filter(None, map(str.strip, given.get("edges", "").split(","))):
            ends = [end.strip() for end in edge.split("-")]
            if len(ends) != 2 or not set(ends) <= set(joints):
                raise forms.ValidationError(
                    _("%(edge)s does not join two of the joints.") % {"edge": edge}
                )
            edges.append([joints.index(end) for end in ends])
        return {
            "kinds": given.get("kinds", []),
            "attributes": given.get("attributes", []),
            "skeleton": {"joints": joints, "edges": edges} if joints else None,
        }


def schema_texts(label: Label) -> dict[str, Any]:
    """What the form shows of a label's schema."""
    joints = label.skeleton.get("joints", [])
    edges = label.skeleton.get("edges", [])
    return {
        "kinds": label.kinds,
        "attributes": write_attributes(label.attributes),
        "joints": ", ".join(joints),
        "edges": ", ".join(f"{joints[a]} - {joints[b]}" for a, b in edges),
    }


class RestoreForm(forms.Form):
    at = forms.DateTimeField(input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


class LabelForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    color = forms.CharField(
        label=_("Colour"),
        required=False,
        validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("#rrggbb, please."))],
    )
    hotkey = forms.CharField(label=_("Key"), required=False, max_length=1)


class ExportForm(forms.Form):
    form = forms.ChoiceField(label=_("Format"), choices=FORM_CHOICES)
    only_submitted = forms.BooleanField(
        label=_("Only submitted images"), required=False
    )
    with_images = forms.BooleanField(label=_("With the images"), required=False)


class ImportForm(forms.Form):
    file = forms.FileField(label=_("File"), help_text=_("One file, or a zip of them."))
    form = forms.ChoiceField(label=_("Format"), choices=FORM_CHOICES)
    is_replacing = forms.BooleanField(
        label=_("Take away what the file does not have"),
        required=False,
        help_text=_("On the images that it names; otherwise the file is merged."),
    )


class PackedForm(forms.Form):
    file = forms.FileField(
        label=_("File"),
        help_text=_("A zip of images, or a video: MP4, MOV, MKV, WebM or AVI."),
    )
    every_s = forms.FloatField(
        label=_("Of a video, a frame each so many seconds"),
        min_value=LEAST_EVERY_S,
        max_value=MOST_EVERY_S,
        initial=1.0,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )


class AddressesForm(forms.Form):
    urls = forms.CharField(
        label=_("Addresses, each on a line"),
        widget=forms.Textarea(
            attrs={"rows": 4, "placeholder": "https://example.com/a.jpg"}
        ),
    )


class BucketForm(forms.Form):
    bucket = forms.ChoiceField(label=_("Bucket"))
    folder = forms.CharField(
        label=_("Folder"),
        required=False,
        max_length=1000,
        help_text=_("With all folders in it; empty takes the whole bucket."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["bucket"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, name) for name in settings.IMAGE_BUCKETS]


class VersionForm(forms.Form):
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": _("What this version is for")}),
    )
    train = forms.IntegerField(label=_("Training, %"), min_value=0, max_value=100)
    val = forms.IntegerField(
        label=_("Validation, %"),
        min_value=0,
        max_value=100,
        help_text=_("The rest is for the test."),
    )
    include_all = forms.BooleanField(
        label=_("Include images that are not submitted"), required=False
    )

    def clean(self) -> dict[str, Any]:
        train, val = self.cleaned_data.get("train"), self.cleaned_data.get("val")
        if train is not None and val is not None:
            try:
                self.shares = Shares(train=train, val=val)
            except ValueError as exc:
                raise forms.ValidationError(
                    _("Training and validation are more than 100 % together.")
                ) from exc
        return self.cleaned_data


class MergeForm(forms.Form):
    """How to merge; which versions stands in the page's address as well."""

    ours = forms.IntegerField(widget=forms.HiddenInput)
    theirs = forms.IntegerField(widget=forms.HiddenInput)
    rule = forms.TypedChoiceField(
        choices=RULE_CHOICES, coerce=MergeRule, initial=MergeRule.UNION
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=300)
