from collections.abc import Callable

from django.contrib import messages

from apps.accounts.selectors import role_in
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest


def may(request: PageRequest, workspace_id: int, needs: Role) -> bool:
    role = role_in(user=request.user, workspace_id=workspace_id)
    return role is not None and role.allows(needs)


def rights(request: PageRequest, workspace_id: int) -> dict[str, bool]:
    """What a project's pages ask of the person's role, with one look."""
    return rights_of(role_in(user=request.user, workspace_id=workspace_id))


def rights_of(role: Role | None) -> dict[str, bool]:
    needed = {
        "may_label": Role.ANNOTATOR,
        "may_review": Role.REVIEWER,
        "may_manage": Role.MANAGER,
    }
    return {
        name: role is not None and role.allows(needs) for name, needs in needed.items()
    }


def attempt(request: PageRequest, act: Callable[[], object]) -> bool:
    """Do it, or say on the next page why the rules refuse; absent things stay 404."""
    try:
        act()
    except DomainError as exc:
        if exc.status in {403, 404}:
            raise
        messages.error(request, str(exc))
        return False
    return True
