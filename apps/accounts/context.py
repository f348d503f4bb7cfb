from typing import Any

from django.http import HttpRequest

from apps.accounts import selectors
from apps.accounts.models import User


def workspace(request: HttpRequest) -> dict[str, Any]:
    """The workspaces of the person and the one that pages show."""
    user = getattr(request, "user", None)
    if not isinstance(user, User):
        return {}
    preferred = request.session.get(selectors.SESSION_KEY)
    mine = list(selectors.list_workspaces(user=user))
    chosen = [row for row in mine if row.pk == preferred]
    return {"workspaces": mine, "workspace": next(iter(chosen or mine), None)}


def display_name(user: User) -> str:
    return str(user)
