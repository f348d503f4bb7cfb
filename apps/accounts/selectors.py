from functools import cache
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.errors import RoleTooLowError
from apps.accounts.models import (
    ROLE_WORDS,
    ApiToken,
    AuditEntry,
    Invitation,
    Membership,
    User,
    Workspace,
)
from apps.accounts.secrets import digest
from apps.accounts.types import Role
from apps.core.errors import NotFoundError

if TYPE_CHECKING:
    from apps.core.http import PageRequest

SESSION_KEY = "workspace_id"


def list_workspaces(*, user: User) -> QuerySet[Workspace]:
    return Workspace.objects.visible_to(user).order_by("pk")


def access_workspace(
    *, user: User, workspace_id: int, needs: Role = Role.VIEWER
) -> Workspace:
    """Return a workspace that the user belongs to with at least this role.

    Raises:
        NotFoundError: No such workspace, or the user is a stranger to it.
        RoleTooLowError: A member, but her role does not reach.
    """
    membership = (
        Membership.objects.filter(user=user, workspace_id=workspace_id)
        .select_related("workspace")
        .first()
    )
    if membership is None:
        raise NotFoundError(_("workspace not found"))
    check_role(Role(membership.role), needs)
    return membership.workspace


def check_role(role: Role, needs: Role) -> None:
    """Refuse a role that is too low.

    Raises:
        RoleTooLowError: It is.
    """
    if not role.allows(needs):
        raise RoleTooLowError(
            _(
                "this needs the role {needs}, you are {role}: ask an "
                "owner of the workspace"
            ).format(needs=ROLE_WORDS[needs].lower(), role=ROLE_WORDS[role].lower())
        )


def role_in(*, user: User, workspace_id: int) -> Role | None:
    """Return the user's role in a workspace, None for a stranger."""
    role = (
        Membership.objects.filter(user=user, workspace_id=workspace_id)
        .values_list("role", flat=True)
        .first()
    )
    return Role(role) if role else None


def workspace_of(request: "PageRequest") -> Workspace:
    """Return the workspace that a page shows: the one last chosen, else the oldest.

    Raises:
        NotFoundError: The person is in none.
    """
    mine = list(list_workspaces(user=request.user))
    chosen = [row for row in mine if row.pk == request.session.get(SESSION_KEY)]
    if not mine:
        raise NotFoundError(_("you are in no workspace yet: create one"))
    return (chosen or mine)[0]


def list_members(*, user: User, workspace_id: int) -> QuerySet[Membership]:
    access_workspace(user=user, workspace_id=workspace_id)
    return (
        Membership.objects.filter(workspace_id=workspace_id)
        .select_related("user")
        .order_by("pk")
    )


def list_invitations(*, user: User, workspace_id: int) -> QuerySet[Invitation]:
    """The workspace's open invitations; managers see them."""
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    return Invitation.objects.filter(
        workspace_id=workspace_id, accepted_at=None, expires_at__gt=timezone.now()
    ).order_by("pk")


def list_tokens(*, user: User) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(user=user, revoked_at=None).order_by("-pk")


def token_of(secret: str) -> ApiToken | None:
    """Return the token row of a secret, live or not; None for an unknown secret."""
    with connection.cursor() as cursor:
        cursor.execute(_token_query(), [digest(secret)])
        row = cursor.fetchone()
    if row is None:
        return None
    columns = _columns(ApiToken)
    own, users = row[: len(columns)], row[len(columns) :]
    token = ApiToken.from_db(connection.alias, columns, own)
    token.user = User.from_db(connection.alias, _columns(User), users)
    token.user.limited_by = token.pk if token.is_limited else None
    return token


@cache
def _token_query() -> str:
    """Write the query once: every request of a token asks it, and writing costs more."""
    rows = ApiToken.objects.filter(token_sha256="").select_related("user")
    sql, _ = rows.query.sql_with_params()
    return sql


@cache
def _columns(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001 -- Django's own public one


def person_of_token(secret: str) -> User | None:
    """Return whose live token this is; None where nobody may come in with it.

    One for named repositories does not count: it opens the Hub's routes alone.
    """
    token = token_of(secret)
    if token is None or not token.is_live or not token.user.is_active:
        return None
    if token.is_limited:
        return None
    return token.user


def invitation_of(secret: str) -> Invitation | None:
    return (
        Invitation.objects.filter(token_sha256=digest(secret))
        .select_related("workspace", "invited_by")
        .first()
    )


def list_audit(*, user: User, workspace_id: int) -> QuerySet[AuditEntry]:
    access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    return (
        AuditEntry.objects.filter(workspace_id=workspace_id)
        .select_related("actor")
        .order_by("-pk")
    )
