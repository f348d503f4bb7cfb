from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling import selectors
from apps.labeling.errors import DuplicateLabelError, LabelInUseError
from apps.labeling.models import Label, Project

if TYPE_CHECKING:
    from apps.accounts.models import User

# Told apart by people with any colour vision, on light and dark pictures alike.
PALETTE = (
    "#2f7de1", "#e8590c", "#2b8a3e", "#c2255c", "#7048e8",
    "#0c8599", "#e0a800", "#a14d2a", "#d6336c", "#5c7cfa",
)  # fmt: skip


@transaction.atomic
def create_project(
    *,
    user: "User",
    workspace_id: int,
    name: str,
    labels: Sequence[str] = (),
    guide: str = "",
) -> Project:
    """Start a project; labels get the colours and number keys in turn.

    Raises:
        NotFoundError: The user is a stranger to the workspace.
        RoleTooLowError: It takes a manager.
        DuplicateLabelError: A label is named twice.
    """
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    project = Project.objects.create(
        workspace_id=workspace_id, name=name, guide=guide, created_by=user
    )
    for label in labels:
        _add_label(project, label)
    audit(
        action="project.created", target=project, actor=user, workspace_id=workspace_id
    )
    return project


@transaction.atomic
def update_project(
    *,
    user: "User",
    project_id: int,
    name: str | None = None,
    guide: str | None = None,
    honeypot_percent: int | None = None,
) -> Project:
    """Change what is given; None leaves it.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: Not a manager.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    project.name = project.name if name is None else name
    project.guide = project.guide if guide is None else guide
    if honeypot_percent is not None:
        project.honeypot_percent = honeypot_percent
    project.save(update_fields=["name", "guide", "honeypot_percent", "updated_at"])
    return project


@transaction.atomic
def archive_project(*, user: "User", project_id: int) -> None:
    """Take a project out of sight; an admin can bring it back."""
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    project.archived_at = timezone.now()
    project.save(update_fields=["archived_at", "updated_at"])
    audit(
        action="project.archived",
        target=project,
        actor=user,
        workspace_id=project.workspace_id,
    )


@transaction.atomic
def add_label(
    *,
    user: "User",
    project_id: int,
    name: str,
    color: str = "",
    hotkey: str = "",
    **schema: Any,
) -> Label:
    """Add a class.

    Args:
        user: Who does it; it takes a manager.
        project_id: Whose label.
        name: As it is shown.
        color: As #rrggbb; without, the next of the palette.
        hotkey: The key that picks it; without, the next free number.
        schema: ``kinds``, ``attributes`` and ``skeleton``, as the API states them.

    Raises:
        DuplicateLabelError: The name or the key is taken.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    return _add_label(project, name, color=color, hotkey=hotkey, **schema)


@transaction.atomic
def update_label(
    *,
    user: "User",
    project_id: int,
    label_id: int,
    name: str | None = None,
    color: str | None = None,
    hotkey: str | None = None,
    **schema: Any,
) -> Label:
    """Change a class.

    Args:
        user: Who does it; it takes a manager.
        project_id: Whose label.
        label_id: Which.
        name: As it is shown; None leaves it, as everywhere here.
        color: As #rrggbb.
        hotkey: The key that picks it.
        schema: ``kinds``, ``attributes`` and ``skeleton``, as the API states them. What
            is drawn and said already stays, also where it would be no more.

    Raises:
        DuplicateLabelError: The name or the key is taken.
    """
    label = access_label(user=user, project_id=project_id, label_id=label_id)
    label.name = label.name if name is None else name
    label.color = label.color if color is None else color
    label.hotkey = label.hotkey if hotkey is None else hotkey
    _set_schema(label, schema)
    _save(label)
    return label


@transaction.atomic
def delete_label(*, user: "User", project_id: int, label_id: int) -> None:
    """Remove a class that nothing carries.

    Raises:
        LabelInUseError: Annotations carry it.
    """
    label = access_label(user=user, project_id=project_id, label_id=label_id)
    try:
        with transaction.atomic():
            label.delete()
    except ProtectedError as exc:
        num = len(exc.protected_objects)
        raise LabelInUseError(
            _("{num} annotations are {name}: give them another label first").format(
                num=num, name=label.name
            )
        ) from exc


def access_label(*, user: "User", project_id: int, label_id: int) -> Label:
    """Return a label that the user may change.

    Raises:
        NotFoundError: No such label, or not of this project.
        RoleTooLowError: It takes a manager.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    label = (
        Label.objects.filter(project_id=project_id, pk=label_id)
        .select_related("project")
        .first()
    )
    if label is None:
        raise NotFoundError(_("label not found"))
    return label


def _set_schema(label: Label, schema: dict[str, Any]) -> None:
    label.kinds = schema.get("kinds", label.kinds)
    label.attributes = schema.get("attributes", label.attributes)
    label.skeleton = schema.get("skeleton", label.skeleton) or {}


def _add_label(
    project: Project, name: str, *, color: str = "", hotkey: str = "", **schema: Any
) -> Label:
    taken = list(Label.objects.filter(project=project))
    keys = [key for key in "123456789" if key not in {row.hotkey for row in taken}]
    label = Label(
        project=project,
        name=name,
        color=color or PALETTE[len(taken) % len(PALETTE)],
        hotkey=hotkey or (keys or [""])[0],
        position=len(taken),
    )
    _set_schema(label, schema)
    _save(label)
    return label


def _save(label: Label) -> None:
    try:
        with transaction.atomic():
            label.save()
    except IntegrityError as exc:
        is_key = "hotkey" in str(exc)
        text = (
            _("another label of this project has the key {value}")
            if is_key
            else _("another label of this project has the name {value}")
        )
        value = label.hotkey if is_key else label.name
        raise DuplicateLabelError(text.format(value=repr(value))) from exc
