"""Choices of images that people give a name and come back to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.labeling import selectors
from apps.labeling.errors import BadViewError
from apps.labeling.models import SavedView

if TYPE_CHECKING:
    from apps.accounts.models import User

MAX_NAME, MAX_VIEWS, MAX_QUERY = 60, 50, 1000


@transaction.atomic
def save_view(
    *,
    user: "User",
    project_id: int,
    name: str,
    query: Mapping[str, str],
    is_shared: bool = False,
) -> SavedView:
    """Keep a choice of images under a name; one of one's own of that name is replaced.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: It takes a reviewer to share one.
        BadQueryError: The query says something that there is not.
        BadViewError: It has no name or a long one, chooses nothing or by too long a
            text, or is one too many.
    """
    needs = Role.REVIEWER if is_shared else Role.VIEWER
    selectors.access_project(user=user, project_id=project_id, needs=needs)
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise BadViewError(
            _("give the view a name of 1 to {most} letters").format(most=MAX_NAME)
        )
    text = selectors.written(selectors.read_wanted(query))
    if not text:
        raise BadViewError(
            _("this view would show all images: choose a filter or an order first")
        )
    if len(text) > MAX_QUERY:
        raise BadViewError(
            _("this view is too long to be kept: shorten the name or text it asks for")
        )
    mine = SavedView.objects.filter(project_id=project_id, owner=user)
    if mine.exclude(name=name).count() >= MAX_VIEWS:
        raise BadViewError(
            _("you have {most} views here: delete one first").format(most=MAX_VIEWS)
        )
    view, _is_new = SavedView.objects.update_or_create(
        project_id=project_id,
        owner=user,
        name=name,
        defaults={"query": text, "is_shared": is_shared},
    )
    return view


@transaction.atomic
def delete_view(*, user: "User", project_id: int, view_id: int) -> None:
    """Forget a view: one's own, or as a manager one that is shared.

    Raises:
        NotFoundError: No such project or view for this user.
        RoleTooLowError: It is somebody else's, and the user no manager.
    """
    selectors.access_project(user=user, project_id=project_id)
    views = selectors.list_saved_views(user=user, project_id=project_id)
    view = views.filter(pk=view_id).first()
    if view is None:
        raise NotFoundError(_("view not found"))
    if view.owner_id != user.pk:
        selectors.access_project(user=user, project_id=project_id, needs=Role.MANAGER)
    view.delete()
