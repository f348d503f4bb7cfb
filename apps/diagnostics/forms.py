from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.diagnostics import selectors
from apps.diagnostics.formats.matching import Matching, match_classes
from apps.diagnostics.formats.showing import tool_question, tool_title
from apps.diagnostics.models import Report
from apps.diagnostics.selectors.estimates import num_images_of
from apps.diagnostics.services.starting import need_word, start_report
from apps.diagnostics.types import Estimate, NewReport
from apps.labeling.selectors import access_dataset_version, list_dataset_versions
from apps.marketplace.selectors import access_model_revision
from apps.marketplace.selectors.serving import list_finders
from apps.training.selectors import list_runs
from deepseek_diagnostics.catalog import TOOLS, Need, lacking

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_RUNS = 50
SPLITS = [
    ("val", _("Validation")),
    ("test", _("Test")),
    ("train", _("Training")),
]


class NewReportForm(forms.Form):
    """A report from a person's choices."""

    model = forms.ChoiceField(label=_("Model"))
    version = forms.ChoiceField(label=_("Data"))
    splits = forms.MultipleChoiceField(
        label=_("Images of"),
        choices=SPLITS,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("None chosen takes all images."),
    )
    other = forms.ChoiceField(
        label=_("Compare with the model"),
        required=False,
        help_text=_("For the comparison of two models."),
    )
    reference = forms.ChoiceField(
        label=_("Compare with the data"),
        required=False,
        help_text=_("What the model was trained on: for drift and for leaks."),
    )
    run = forms.ChoiceField(
        label=_("Training run"),
        required=False,
        help_text=_("For the health of its training."),
    )
    cost_missed = forms.FloatField(
        label=_("Cost of a missed object"), required=False, min_value=0
    )
    cost_false = forms.FloatField(
        label=_("Cost of a false alarm"), required=False, min_value=0
    )
    tools = forms.MultipleChoiceField(
        label=_("Tools"), required=False, choices=[(one.id, one.id) for one in TOOLS]
    )

    ADVANCED = ["run", "cost_missed", "cost_false"]

    def __init__(
        self, *args: Any, user: "User", workspace_id: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        detectors = [
            (str(one.revision_id), one.full_name) for one in list_finders(user=user)
        ]
        versions = [
            (str(one.id), f"{one.project} v{one.number} ({one.num_images})")
            for one in list_dataset_versions(user=user, workspace_id=workspace_id)
        ]
        runs = list_runs(user=user, workspace_id=workspace_id)[:MOST_RUNS]
        none = ("", "-")
        self._choice("model").choices = detectors
        self._choice("version").choices = versions
        self._choice("other").choices = [none, *detectors]
        self._choice("reference").choices = [none, *versions]
        self._choice("run").choices = [
            none, *((str(run.pk), f"{run.name} #{run.pk}") for run in runs)
        ]  # fmt: skip
        self.has_data = bool(versions)

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field

    @property
    def basics(self) -> list[forms.BoundField]:
        return [self[name] for name in ("model", "version", "other", "reference")]

    @property
    def advanced(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ADVANCED]

    @property
    def has_advanced_error(self) -> bool:
        return any(name in self.errors for name in self.ADVANCED)

    @property
    def tool_rows(self) -> list[tuple[str, str, str, bool]]:
        """Id, title, question and whether it is chosen."""
        chosen = self["tools"].value() or []
        return [
            (one.id, tool_title(one.id), tool_question(one), one.id in chosen)
            for one in TOOLS
        ]

    def matching(self, user: "User") -> Matching | None:
        """Which class is which label, by name or as chosen; None without a choice."""
        model, version = (self[name].value() for name in ("model", "version"))
        if not (str(model).isdecimal() and str(version).isdecimal()):
            return None
        try:
            classes = access_model_revision(user=user, revision_id=int(model)).classes
            labels = access_dataset_version(user=user, version_id=int(version)).classes
        except DomainError:
            return None
        return match_classes(classes, labels, asked=self.data)

    def left_out(self) -> list[tuple[str, str]]:
        """The tools that are chosen and lack something: title, and what they lack."""
        chosen, met = getattr(self, "cleaned_data", {}), self._needs_met()
        return [
            (tool_title(one.id), ", ".join(sorted(map(need_word, lacking(one, met)))))
            for one in TOOLS
            if one.id in chosen.get("tools", ()) and not one.needs <= met
        ]

    def estimate(self, user: "User") -> Estimate | None:
        """How long it would take; None while the choices make no report."""
        self.full_clean()
        chosen = getattr(self, "cleaned_data", {})
        if not str(chosen.get("version", "")).isdecimal():
            return None
        try:
            version = access_dataset_version(
                user=user, version_id=int(chosen["version"])
            )
        except DomainError:
            return None
        tools = self._tools()
        num = num_images_of(version, chosen.get("splits") or ())
        if not (tools and num):
            return None
        return selectors.estimate(tools=tools, num_images=num)

    def start(self, user: "User") -> Report:
        """Make the report of a valid form.

        Raises:
            DomainError: It cannot be; says why.
        """
        chosen = self.cleaned_data
        costs = {key: chosen[key] for key in ("cost_missed", "cost_false")}
        matching = self.matching(user)
        return start_report(
            user=user,
            new=NewReport(
                revision_id=int(chosen["model"]),
                version_id=int(chosen["version"]),
                tools=self._tools(),
                splits=tuple(chosen["splits"]),
                other_revision_id=_id(chosen["other"]),
                reference_version_id=_id(chosen["reference"]),
                run_id=_id(chosen["run"]),
                mapping=matching.mapping if matching else {},
                options={k: v for k, v in costs.items() if v is not None},
            ),
        )

    def clean(self) -> dict[str, Any]:
        """Refuse a form without a tool, or with only such as lack what they need."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not self._tools():
            text = (
                _("The chosen tools lack what they need: choose it above, or others.")
                if cleaned["tools"]
                else _("No tool is chosen: tick at least one.")
            )
            self.add_error("tools", text)
        return cleaned

    def _tools(self) -> tuple[str, ...]:
        """Those chosen, less the ones that lack what they need."""
        chosen = getattr(self, "cleaned_data", {}).get("tools", ())
        possible = selectors.applicable_tools(self._needs_met())
        return tuple(one for one in chosen if one in possible)

    def _needs_met(self) -> frozenset[Need]:
        chosen = getattr(self, "cleaned_data", {})
        model = str(chosen.get("model", ""))
        return selectors.needs_met(
            access_model_revision(user=self._user, revision_id=int(model))
            if model.isdecimal()
            else None,
            has_other=bool(chosen.get("other")),
            has_reference=bool(chosen.get("reference")),
            has_run=bool(chosen.get("run")),
        )


def _id(text: str) -> int | None:
    return int(text) if text else None
