from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling.models import Image, Project

if TYPE_CHECKING:
    from apps.accounts.models import User


def access_project(
    *, user: "User", project_id: int, needs: Role = Role.VIEWER
) -> Project:
    """Return a project that the user may act on.

    Raises:
        NotFoundError: No such project, archived, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    project, _role = access_as(user=user, project_id=project_id, needs=needs)
    return project


def access_as(
    *, user: "User", project_id: int, needs: Role = Role.VIEWER
) -> tuple[Project, Role]:
    """Return a project and the role in which the user acts on it; see access_project."""
    project = (
        Project.objects.filter(pk=project_id, archived_at=None)
        .select_related("workspace")
        .first()
    )
    role = check_member(
        user, project.workspace_id if project else None, needs, _("project not found")
    )
    assert project is not None
    return project, role


def access_image(
    *, user: "User", image_id: int, needs: Role = Role.VIEWER, lock: bool = False
) -> Image:
    """Return an image that the user may act on, with its project.

    What others label apart, and the truth that people are tested against, is there
    for reviewers only.

    Raises:
        NotFoundError: No such image, of strangers, or hidden from the user.
        RoleTooLowError: A member whose role does not reach.
    """
    images = Image.documents.select_related("project").filter(project__archived_at=None)
    if lock:
        images = images.select_for_update(of=("self",))
    image = images.filter(pk=image_id).first()
    absent = _("image not found")
    role = check_member(
        user, image.project.workspace_id if image else None, needs, absent
    )
    assert image is not None
    check_shown(image, user, role)
    return image


def check_shown(image: Image, user: "User", role: Role) -> None:
    """Refuse an image that takes a reviewer to see it.

    Raises:
        NotFoundError: It does, and the user is none.
    """
    if image.is_hidden_from(user.pk) and not role.allows(Role.REVIEWER):
        raise NotFoundError(_("image not found"))


def check_member(
    user: "User", workspace_id: int | None, needs: Role, absent: str
) -> Role:
    role = role_in(user=user, workspace_id=workspace_id) if workspace_id else None
    if role is None:
        raise NotFoundError(absent)
    check_role(role, needs)
    return role
