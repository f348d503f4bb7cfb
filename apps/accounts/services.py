from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts import selectors
from apps.accounts.errors import (
    AlreadyMemberError,
    InvitationError,
    LastOwnerError,
    RoleTooLowError,
)
from apps.accounts.models import (
    ROLE_WORDS,
    ApiToken,
    AuditEntry,
    Invitation,
    Membership,
    Workspace,
)
from apps.accounts.secrets import digest, new_secret
from apps.accounts.types import Role, Scope
from apps.core.errors import NotFoundError
from apps.core.happenings import tell

if TYPE_CHECKING:
    from apps.accounts.models import User


def audit(
    *,
    action: str,
    target: object,
    actor: "User | None",
    workspace_id: int | None,
    **detail: object,
) -> None:
    """Write one line of the audit log, in the caller's transaction, and tell of it."""
    AuditEntry.objects.create(
        action=action,
        target=str(target)[:200],
        actor=actor,
        workspace_id=workspace_id,
        detail=detail,
    )
    tell(
        action,
        workspace_id=workspace_id,
        target=str(target)[:200],
        actor=actor.email if actor else None,
        detail=detail,
    )


@transaction.atomic
def create_workspace(*, user: "User", name: str) -> Workspace:
    workspace = Workspace.objects.create(name=name)
    Membership.objects.create(workspace=workspace, user=user, role=Role.OWNER)
    audit(
        action="workspace.created",
        target=workspace,
        actor=user,
        workspace_id=workspace.pk,
    )
    return workspace


@transaction.atomic
def rename_workspace(*, user: "User", workspace_id: int, name: str) -> Workspace:
    workspace = selectors.access_workspace(
        user=user, workspace_id=workspace_id, needs=Role.OWNER
    )
    workspace.name = name
    workspace.save(update_fields=["name", "updated_at"])
    audit(
        action="workspace.renamed",
        target=workspace,
        actor=user,
        workspace_id=workspace.pk,
    )
    return workspace


@transaction.atomic
def invite(
    *, user: "User", workspace_id: int, email: str, role: Role, base_url: str = ""
) -> tuple[Invitation, str]:
    """Invite someone by e-mail; an open invitation to the same address is replaced.

    Returns:
        The invitation and its link, which is not kept anywhere.

    Raises:
        RoleTooLowError: Managers invite up to manager, owners anyone.
        AlreadyMemberError: That person is in the workspace.
    """
    workspace = selectors.access_workspace(
        user=user, workspace_id=workspace_id, needs=Role.MANAGER
    )
    _check_may_grant(user, workspace_id, role)
    if Membership.objects.filter(
        workspace_id=workspace_id, user__email__iexact=email
    ).exists():
        raise AlreadyMemberError(_("{email} is a member already").format(email=email))
    # Two at once would both find none: the workspace's row makes the second wait.
    Workspace.objects.select_for_update().get(pk=workspace_id)
    Invitation.objects.filter(
        workspace_id=workspace_id, email__iexact=email, accepted_at=None
    ).delete()
    secret = new_secret()
    invitation = Invitation.objects.create(
        workspace=workspace,
        email=email.lower(),
        role=role,
        token_sha256=digest(secret),
        invited_by=user,
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
    )
    link = base_url + reverse("accounts:invitation", args=[secret])
    audit(
        action="member.invited",
        target=email,
        actor=user,
        workspace_id=workspace_id,
        role=role,
    )
    transaction.on_commit(lambda: _mail_invitation(invitation, link))
    return invitation, link


def _mail_invitation(invitation: Invitation, link: str) -> None:
    context = {"invitation": invitation, "link": link}
    send_mail(
        subject=_("Join %(workspace)s on dsportal")
        % {"workspace": invitation.workspace},
        message=render_to_string("emails/invitation.txt", context),
        from_email=None,
        recipient_list=[invitation.email],
        fail_silently=True,
    )


def _check_may_grant(user: "User", workspace_id: int, role: Role) -> None:
    mine = selectors.role_in(user=user, workspace_id=workspace_id)
    if mine is None or not mine.allows(role):
        raise RoleTooLowError(
            _("only an owner makes somebody {role}").format(
                role=ROLE_WORDS[role].lower()
            )
        )


@transaction.atomic
def revoke_invitation(*, user: "User", workspace_id: int, invitation_id: int) -> None:
    selectors.access_workspace(user=user, workspace_id=workspace_id, needs=Role.MANAGER)
    deleted, _rows = Invitation.objects.filter(
        workspace_id=workspace_id, pk=invitation_id, accepted_at=None
    ).delete()
    if not deleted:
        raise NotFoundError(_("invitation not found"))


@transaction.atomic
def accept_invitation(*, user: "User", secret: str) -> Workspace:
    """Join a workspace.

    Raises:
        InvitationError: Unknown, used, expired, or for another address.
    """
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .filter(token_sha256=digest(secret))
        .select_related("workspace")
        .first()
    )
    if invitation is None or not invitation.is_open:
        raise InvitationError(
            _("this invitation was used or has expired: ask for a new one")
        )
    if invitation.email.lower() != user.email.lower():
        raise InvitationError(
            _("this invitation is for {email}: sign in with that address").format(
                email=invitation.email
            )
        )
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at", "updated_at"])
    Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    audit(
        action="member.joined",
        target=user.email,
        actor=user,
        workspace_id=invitation.workspace_id,
        role=invitation.role,
    )
    return invitation.workspace


@transaction.atomic
def add_member(*, workspace_id: int, user: "User", role: Role) -> Membership:
    """Put somebody into a workspace without an invitation; for set-up code."""
    membership, _is_new = Membership.objects.update_or_create(
        workspace_id=workspace_id, user=user, defaults={"role": role}
    )
    return membership


@transaction.atomic
def change_role(
    *, user: "User", workspace_id: int, member_id: int, role: Role
) -> Membership:
    """Give a member another role.

    Raises:
        NotFoundError: No such member.
        RoleTooLowError: Only owners change owners, or make them.
        LastOwnerError: A workspace keeps an owner.
    """
    membership = _lock_member(user, workspace_id, member_id)
    _check_may_grant(user, workspace_id, role)
    if role is not Role.OWNER:
        _check_owner_remains(membership)
    membership.role = role
    membership.save(update_fields=["role", "updated_at"])
    audit(
        action="member.role_changed",
        target=membership.user.email,
        actor=user,
        workspace_id=workspace_id,
        role=role,
    )
    return membership


@transaction.atomic
def remove_member(*, user: "User", workspace_id: int, member_id: int) -> None:
    """Take a member out; everybody may leave.

    Raises:
        NotFoundError: No such member.
        RoleTooLowError: Only managers remove others, only owners owners.
        LastOwnerError: A workspace keeps an owner.
    """
    membership = _lock_member(user, workspace_id, member_id)
    _check_owner_remains(membership)
    audit(
        action="member.removed",
        target=membership.user.email,
        actor=user,
        workspace_id=workspace_id,
    )
    membership.delete()


def _lock_member(user: "User", workspace_id: int, member_id: int) -> Membership:
    """Lock the workspace's memberships in order and return one that user may change."""
    selectors.access_workspace(user=user, workspace_id=workspace_id)
    rows = {
        row.pk: row
        for row in Membership.objects.select_for_update(of=("self",))
        .filter(workspace_id=workspace_id)
        .select_related("user")
        .order_by("pk")
    }
    membership = rows.get(member_id)
    if membership is None:
        raise NotFoundError(_("member not found"))
    mine = next(Role(row.role) for row in rows.values() if row.user_id == user.pk)
    if membership.user_id != user.pk:
        selectors.check_role(mine, Role.MANAGER)
        selectors.check_role(mine, Role(membership.role))
    return membership


def _check_owner_remains(membership: Membership) -> None:
    if membership.role != Role.OWNER:
        return
    others = Membership.objects.filter(
        workspace_id=membership.workspace_id, role=Role.OWNER
    ).exclude(pk=membership.pk)
    if not others.exists():
        raise LastOwnerError(
            _("a workspace needs an owner: make somebody else one first")
        )


@transaction.atomic
def create_token(
    *,
    user: "User",
    name: str,
    scope: Scope,
    days: int | None = None,
    is_limited: bool = False,
) -> tuple[ApiToken, str]:
    """Make a token.

    Args:
        user: Whose rights it carries.
        name: What it is for.
        scope: What it may do; admin includes write, write includes read.
        days: How long it lives; None means until it is revoked.
        is_limited: It opens nothing but what the caller then ties it to.

    Returns:
        The token and its secret, which cannot be read again.
    """
    secret = new_secret()
    included = {
        Scope.READ: [Scope.READ],
        Scope.WRITE: [Scope.READ, Scope.WRITE],
        Scope.ADMIN: list(Scope),
    }
    token = ApiToken.objects.create(
        user=user,
        name=name,
        prefix=secret[:10],
        token_sha256=digest(secret),
        scopes=included[scope],
        is_limited=is_limited,
        expires_at=timezone.now() + timedelta(days=days) if days else None,
    )
    audit(action="token.created", target=token, actor=user, workspace_id=None)
    return token, secret


@transaction.atomic
def revoke_token(*, user: "User", token_id: int) -> None:
    """End a token at once.

    Raises:
        NotFoundError: Not one of the user's live tokens.
    """
    token = ApiToken.objects.filter(user=user, pk=token_id, revoked_at=None).first()
    if token is None:
        raise NotFoundError(_("token not found"))
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at", "updated_at"])
    audit(action="token.revoked", target=token, actor=user, workspace_id=None)


def touch_token(token: ApiToken) -> None:
    """Note that a token was used, at most once a minute."""
    now = timezone.now()
    minute = timedelta(minutes=1)
    if token.last_used_at is None or token.last_used_at < now - minute:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)


@transaction.atomic
def set_profile(*, user: "User", name: str) -> "User":
    user.name = name
    user.save(update_fields=["name"])
    return user
