from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.core.devices import num_cpus
from apps.core.errors import DomainError
from apps.core.parsers import number
from apps.jobs.types import Priority
from apps.labeling.selectors import (
    access_dataset_version,
    list_dataset_versions,
    list_projects,
)
from apps.labeling.services.versions import make_version
from apps.marketplace.selectors import list_detectors
from apps.training import selectors
from apps.training.models import TrainingRun
from apps.training.services.starting import start_run
from apps.training.types import PRESET_NAMES, Estimate, NewRun, RunDevice

if TYPE_CHECKING:
    from apps.accounts.models import User

NOW = "now-"
PRESETS = {
    "fast": _("Fast"),
    "balanced": _("Balanced"),
    "accurate": _("Accurate"),
    "edge": _("Edge"),
    "outlines": _("Outlines"),
}
LICENCES = [
    ("apache-2.0", "Apache-2.0"),
    ("mit", "MIT"),
    ("cc-by-4.0", "CC BY 4.0"),
    ("cc-by-nc-4.0", "CC BY-NC 4.0"),
    ("other", _("Other, see the card")),
]
# Numbers of a recipe that the form offers; the API takes all of them.
INTEGERS = ("num_steps", "batch_size", "side_px", "evaluate_every", "seed")


class NewRunForm(forms.Form):
    """A run from a person's choices; empty numbers are the preset's."""

    name = forms.CharField(label=_("Name"), max_length=90)
    dataset = forms.ChoiceField(label=_("Data"))
    base = forms.ChoiceField(label=_("Begin with"), required=False)
    preset = forms.ChoiceField(
        label=_("Preset"),
        choices=[(name, PRESETS[name]) for name in PRESET_NAMES],
        widget=forms.RadioSelect,
        initial="balanced",
    )
    device = forms.ChoiceField(
        label=_("Runs on"),
        choices=[(RunDevice.CPU, _("CPUs")), (RunDevice.GPU, _("A GPU"))],
        initial=RunDevice.CPU,
    )
    priority = forms.TypedChoiceField(
        label=_("Priority"),
        choices=[
            (Priority.LOW.value, _("Low")),
            (Priority.NORMAL.value, _("Normal")),
            (Priority.URGENT.value, _("Urgent")),
        ],
        coerce=int,
        initial=int(Priority.NORMAL),
    )
    time_limit_min = forms.IntegerField(
        label=_("Time limit, minutes"), required=False, min_value=1, max_value=100_000
    )
    num_steps = forms.IntegerField(
        label=_("Steps"), required=False, min_value=1, max_value=10_000_000
    )
    batch_size = forms.IntegerField(
        label=_("Images a step"), required=False, min_value=1, max_value=4096
    )
    side_px = forms.IntegerField(
        label=_("Image side, pixels"),
        required=False,
        min_value=32,
        max_value=4096,
        help_text=_("A multiple of 32."),
    )
    evaluate_every = forms.IntegerField(
        label=_("Steps between evaluations"), required=False, min_value=1
    )
    seed = forms.IntegerField(label=_("Seed"), required=False, min_value=0)
    lr = forms.FloatField(label=_("Learning rate"), required=False, min_value=1e-9)
    colour = forms.FloatField(
        label=_("Changes of colour and light"),
        required=False,
        min_value=0,
        max_value=1,
        help_text=_("How strongly pictures are changed in training; usual is 0.4."),
    )
    licence = forms.ChoiceField(label=_("Licence of the model"), choices=LICENCES)
    tags = forms.CharField(
        label=_("Tags"),
        required=False,
        max_length=200,
        help_text=_("Separated by commas."),
    )
    notes = forms.CharField(
        label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    ADVANCED = [
        "num_steps",
        "batch_size",
        "side_px",
        "lr",
        "colour",
        "evaluate_every",
        "seed",
        "priority",
        "time_limit_min",
        "licence",
        "tags",
        "notes",
    ]

    def __init__(
        self, *args: Any, user: "User", workspace_id: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._choice("dataset").choices = _data(user, workspace_id)
        self._choice("base").choices = _bases(user)

    def _choice(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field

    @property
    def basics(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "dataset", "base", "device")]

    @property
    def advanced(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ADVANCED]

    @property
    def has_advanced_error(self) -> bool:
        return any(name in self.errors for name in self.ADVANCED)

    def estimate(self, user: "User") -> Estimate | None:
        """How long it would take; None while the choices make no run."""
        if not self.is_bound:
            return self._estimated(self["preset"].initial, {}, RunDevice.CPU, 0)
        if not hasattr(self, "cleaned_data"):
            self.full_clean()
        chosen = self.cleaned_data
        try:
            return self._estimated(
                chosen.get("preset", ""),
                self.changes(),
                chosen.get("device", RunDevice.CPU),
                self._num_val(user),
            )
        except DomainError:
            return None

    def _estimated(
        self, preset: str, changes: dict[str, Any], device: str, num_val: int
    ) -> Estimate:
        recipe = selectors.recipe_of(preset_name=preset, changes=changes)
        return selectors.estimate(
            recipe=recipe, device=device, num_cpus=num_cpus(), num_val=num_val
        )

    def _num_val(self, user: "User") -> int:
        chosen = str(self.cleaned_data.get("dataset", ""))
        if not chosen.isdecimal():
            return 0
        version = access_dataset_version(user=user, version_id=int(chosen))
        return version.splits.get("val", 0)

    @transaction.atomic
    def start(self, user: "User", *, clone: str = "") -> TrainingRun:
        """Make the run of a valid form, and the dataset version if one is to be made.

        Raises:
            DomainError: It cannot be; says why.
        """
        chosen = self.cleaned_data
        data = chosen["dataset"]
        if data.startswith(NOW):
            project_id = int(data.removeprefix(NOW))
            version_id = make_version(user=user, project_id=project_id).id
        else:
            version_id = int(data)
        limit = chosen["time_limit_min"]
        cloned = number(clone)
        if cloned is not None:
            selectors.access_run(user=user, run_id=cloned)
        return start_run(
            user=user,
            new=NewRun(
                name=chosen["name"],
                dataset_version_id=version_id,
                base_revision_id=int(chosen["base"]) if chosen["base"] else None,
                preset=chosen["preset"],
                changes=self.changes(),
                device=RunDevice(chosen["device"]),
                priority=chosen["priority"],
                time_limit_s=60 * limit if limit else None,
                notes=chosen["notes"],
                tags=tuple(
                    one.strip() for one in chosen["tags"].split(",") if one.strip()
                ),
                licence=chosen["licence"],
                cloned_from_id=cloned,
            ),
        )

    def changes(self) -> dict[str, Any]:
        """What the person changed of the preset's recipe."""
        given = {name: self.cleaned_data.get(name) for name in (*INTEGERS, "lr")}
        changed = {name: value for name, value in given.items() if value is not None}
        colour = self.cleaned_data.get("colour")
        look = {} if colour is None else {"augmentation": {"colour": colour}}
        return changed | look


def first_choices(
    user: "User", workspace_id: int, asked: Mapping[str, str]
) -> dict[str, Any]:
    """What the form shows at first: of a run to clone, else of a project's newest data."""
    clone = number(asked.get("clone", ""))
    if clone is not None:
        return _of_run(selectors.access_run(user=user, run_id=clone))
    versions = list_dataset_versions(user=user, workspace_id=workspace_id)
    project = number(asked.get("project", ""))
    if project is not None:
        versions = [one for one in versions if one.project_id == project]
    version = next(
        (one for one in versions if str(one.id) == asked.get("version")), None
    )
    names = {row.pk: row.name for row in list_projects(user=user)}
    chosen = project if project in names else next(iter(names), None)
    data = f"{NOW}{chosen}"
    if version is not None:
        data, chosen = str(version.id), version.project_id
    detectors = list_detectors(user=user)
    # Asked for by an empty one: begin with nothing.
    base = asked.get("base", str(detectors[-1].revision_id) if detectors else "")
    offered = (*INTEGERS, "lr", "colour", "preset")
    numbers = {key: asked[key] for key in offered if key in asked}
    return {
        **numbers, "dataset": data, "base": base, "name": names.get(chosen or 0, ""),
    }  # fmt: skip


def _of_run(run: TrainingRun) -> dict[str, Any]:
    limit = run.job.time_limit_s
    return {
        **{key: run.changes[key] for key in (*INTEGERS, "lr") if key in run.changes},
        "colour": run.changes.get("augmentation", {}).get("colour"),
        "name": run.name,
        "dataset": str(run.dataset_version_id),
        "base": str(run.base_revision_id or ""),
        "preset": run.preset,
        "device": run.device,
        "priority": run.job.priority,
        "time_limit_min": limit // 60 if limit else None,
        "licence": run.licence,
        "tags": ", ".join(run.tags),
        "notes": run.notes,
    }


def _data(user: "User", workspace_id: int) -> list[tuple[str, Any]]:
    """For each project what it is now, then its versions."""
    versions = list_dataset_versions(user=user, workspace_id=workspace_id)
    groups: list[tuple[str, Any]] = []
    for project in list_projects(user=user).filter(workspace_id=workspace_id):
        rows: list[tuple[str, Any]] = [(f"{NOW}{project.pk}", _("As submitted now"))]
        rows += [
            (
                str(one.id),
                _("Version %(number)s: %(images)s images, %(objects)s objects")
                % {
                    "number": one.number,
                    "images": one.num_images,
                    "objects": one.num_annotations,
                },
            )
            for one in versions
            if one.project_id == project.pk
        ]
        groups.append((project.name, rows))
    return groups


def _bases(user: "User") -> list[tuple[str, Any]]:
    known: list[tuple[str, Any]] = [
        (str(one.revision_id), one.full_name) for one in list_detectors(user=user)
    ]
    return [*known, ("", _("Nothing: from random weights"))]
