from typing import Any

import pytest
from django.core import mail
from django.forms.models import model_to_dict

from apps.accounts import selectors, services
from apps.accounts.errors import (
    AlreadyMemberError,
    InvitationError,
    LastOwnerError,
    RoleTooLowError,
)
from apps.accounts.models import AuditEntry, Invitation, Membership, User, Workspace
from apps.accounts.types import Role, Scope
from apps.core.errors import NotFoundError
from tests.factories.accounts import UserFactory


def membership(user: User, workspace: Workspace) -> Membership:
    return Membership.objects.get(user=user, workspace=workspace)


def test_an_invitation_is_mailed_and_joins_its_person(
    alice: User, workspace: Workspace, django_capture_on_commit_callbacks
):
    dora = UserFactory(email="dora@example.com")
    with django_capture_on_commit_callbacks(execute=True):
        _row, link = services.invite(
            user=alice,
            workspace_id=workspace.pk,
            email="Dora@example.com",
            role=Role.REVIEWER,
            base_url="https://portal",
        )
    secret = link.rstrip("/").rpartition("/")[2]

    services.accept_invitation(user=dora, secret=secret)

    assert membership(dora, workspace).role == Role.REVIEWER
    assert link in mail.outbox[0].body
    assert secret not in Invitation.objects.get().token_sha256


def test_an_invitation_works_once_and_for_its_address_only(
    alice: User, charlie: User, workspace: Workspace
):
    dora = UserFactory(email="dora@example.com")
    _row, link = services.invite(
        user=alice, workspace_id=workspace.pk, email=dora.email, role=Role.VIEWER
    )
    secret = link.rstrip("/").rpartition("/")[2]

    with pytest.raises(InvitationError, match=r"is for dora@example\.com"):
        services.accept_invitation(user=charlie, secret=secret)
    services.accept_invitation(user=dora, secret=secret)
    with pytest.raises(InvitationError, match="used or has expired"):
        services.accept_invitation(user=dora, secret=secret)


def test_nobody_makes_somebody_more_than_herself(
    alice: User, bob: User, workspace: Workspace
):
    services.change_role(
        user=alice,
        workspace_id=workspace.pk,
        member_id=membership(bob, workspace).pk,
        role=Role.MANAGER,
    )

    with pytest.raises(RoleTooLowError):
        services.change_role(
            user=bob,
            workspace_id=workspace.pk,
            member_id=membership(bob, workspace).pk,
            role=Role.OWNER,
        )

    assert membership(bob, workspace).role == Role.MANAGER


def test_a_manager_does_not_touch_an_owner(
    alice: User, bob: User, workspace: Workspace
):
    Membership.objects.filter(user=bob).update(role=Role.MANAGER)

    with pytest.raises(RoleTooLowError):
        services.remove_member(
            user=bob,
            workspace_id=workspace.pk,
            member_id=membership(alice, workspace).pk,
        )


def test_the_last_owner_stays(alice: User, workspace: Workspace):
    mine = membership(alice, workspace)

    with pytest.raises(LastOwnerError):
        services.remove_member(user=alice, workspace_id=workspace.pk, member_id=mine.pk)
    with pytest.raises(LastOwnerError):
        services.change_role(
            user=alice,
            workspace_id=workspace.pk,
            member_id=mine.pk,
            role=Role.VIEWER,
        )

    assert membership(alice, workspace).role == Role.OWNER


def test_anybody_may_leave(bob: User, alice: User, workspace: Workspace):
    services.remove_member(
        user=bob, workspace_id=workspace.pk, member_id=membership(bob, workspace).pk
    )

    assert selectors.role_in(user=bob, workspace_id=workspace.pk) is None


def test_members_are_not_invited_again(alice: User, bob: User, workspace: Workspace):
    with pytest.raises(AlreadyMemberError):
        services.invite(
            user=alice, workspace_id=workspace.pk, email=bob.email, role=Role.VIEWER
        )


def test_a_token_is_kept_as_a_digest_and_dies_when_revoked(alice: User):
    token, secret = services.create_token(user=alice, name="ci", scope=Scope.READ)
    found = selectors.token_of(secret)

    services.revoke_token(user=alice, token_id=token.pk)

    assert found == token
    assert secret not in str(token.__dict__)
    token.refresh_from_db()
    assert not token.is_live


def test_a_token_is_found_with_all_its_fields_and_its_person_in_one_query(
    alice: User, django_assert_num_queries: Any
):
    token, secret = services.create_token(user=alice, name="ci", scope=Scope.READ)

    with django_assert_num_queries(1):
        found = selectors.token_of(secret)
        assert found is not None
        person = found.user

    for kept, row in ((found, token), (person, alice)):
        row.refresh_from_db()
        assert model_to_dict(kept) == model_to_dict(row)


def test_another_persons_token_cannot_be_revoked(alice: User, bob: User):
    token, _secret = services.create_token(user=alice, name="ci", scope=Scope.READ)

    with pytest.raises(NotFoundError):
        services.revoke_token(user=bob, token_id=token.pk)

    token.refresh_from_db()
    assert token.is_live


def test_what_changes_people_is_written_down(alice: User, workspace: Workspace):
    services.invite(
        user=alice, workspace_id=workspace.pk, email="x@example.com", role=Role.VIEWER
    )

    entry = AuditEntry.objects.get(action="member.invited")
    assert (entry.actor, entry.target) == (alice, "x@example.com")
    assert entry.detail == {"role": "viewer"}
