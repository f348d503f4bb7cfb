from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.accounts import selectors
from apps.accounts.models import User, Workspace


def workspace(request: HttpRequest) -> dict[str, Any]:
    """The workspaces of the person and the one that pages show.

    Both are read where they are shown, so that the fields of a form, of which each is a
    page to Django, ask for nothing.
    """
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    mine = SimpleLazyObject(lambda: list(selectors.list_workspaces(user=user)))

    def shown() -> Workspace | None:
        preferred = request.session.get(selectors.SESSION_KEY)
        chosen = [row for row in mine if row.pk == preferred]
        return next(iter(chosen or mine), None)

    return {"workspaces": mine, "workspace": SimpleLazyObject(shown)}


def display_name(user: User) -> str:
    return str(user)
