"""Workspaces, members and invitations through the API."""

from collections.abc import Callable

import pytest
from django.core import mail
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import AuditEntry, Invitation, Membership, User, Workspace
from apps.accounts.types import Role

As = Callable[[User], APIClient]


def test_a_workspace_belongs_to_who_made_it(bob: User, api_as: As):
    made = api_as(bob).post(
        reverse("accounts-api:workspace-list"), {"name": "Plant 9"}, format="json"
    )
    renamed = api_as(bob).patch(
        reverse("accounts-api:workspace", args=[made.json()["id"]]),
        {"name": "Plant 10"},
        format="json",
    )
    listed = api_as(bob).get(reverse("accounts-api:workspace-list")).json()["results"]

    assert (made.status_code, renamed.status_code) == (201, 200)
    assert [row["name"] for row in listed] == ["Plant 10", "Plant 7"]


def test_an_invitation_brings_somebody_in(
    alice: User,
    charlie: User,
    workspace: Workspace,
    api_as: As,
    django_capture_on_commit_callbacks,
):
    with django_capture_on_commit_callbacks(execute=True):
        made = api_as(alice).post(
            reverse("accounts-api:invitation-list", args=[workspace.pk]),
            {"email": "Charlie@Example.com", "role": "reviewer"},
            format="json",
        )
    charlies = api_as(charlie)
    charlies.post(made.json()["link"].removeprefix("http://testserver"))

    assert made.status_code == 201
    assert [message.to for message in mail.outbox] == [["charlie@example.com"]]
    assert made.json()["link"] in mail.outbox[0].body
    assert Membership.objects.get(workspace=workspace, user=charlie).role == "reviewer"


@pytest.mark.parametrize(
    ("role", "wanted", "status"),
    [
        (Role.MANAGER, "manager", 201),
        (Role.MANAGER, "owner", 403),
        (Role.OWNER, "owner", 201),
        (Role.OWNER, "emperor", 400),
    ],
)
def test_nobody_invites_above_herself(
    bob: User, workspace: Workspace, api_as: As, role: Role, wanted: str, status: int
):
    Membership.objects.filter(user=bob).update(role=role)

    answer = api_as(bob).post(
        reverse("accounts-api:invitation-list", args=[workspace.pk]),
        {"email": "n@example.com", "role": wanted},
        format="json",
    )

    assert answer.status_code == status
    assert Invitation.objects.count() == (status == 201)


def test_a_role_is_changed_and_written_down(
    alice: User, bob: User, workspace: Workspace, api_as: As
):
    member = Membership.objects.get(user=bob)
    url = reverse("accounts-api:member", args=[workspace.pk, member.pk])

    answer = api_as(alice).patch(url, {"role": "manager"}, format="json")
    audit = api_as(alice).get(reverse("accounts-api:audit-list", args=[workspace.pk]))

    assert answer.json()["role"] == "manager"
    newest = audit.json()["results"][0]
    assert (newest["action"], newest["target"]) == ("member.role_changed", str(bob))
    assert newest["actor"]["email"] == "alice@example.com"


def test_the_last_owner_stays(alice: User, workspace: Workspace, api_as: As):
    member = Membership.objects.get(user=alice)
    url = reverse("accounts-api:member", args=[workspace.pk, member.pk])

    answers = [
        api_as(alice).patch(url, {"role": "viewer"}, format="json"),
        api_as(alice).delete(url),
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
    assert {answer.json()["code"] for answer in answers} == {"last_owner"}
    member.refresh_from_db()
    assert member.role == "owner"


def test_members_of_elsewhere_cannot_be_reached_through_ones_own_workspace(
    alice: User, charlie: User, workspace: Workspace, api_as: As
):
    foreign = Membership.objects.get(user=charlie)
    invitation = Invitation.objects.create(
        workspace=foreign.workspace,
        email="n@example.com",
        role=Role.VIEWER,
        token_sha256="0" * 64,
        invited_by=charlie,
        expires_at="2099-01-01T00:00:00Z",
    )
    member_url = reverse("accounts-api:member", args=[workspace.pk, foreign.pk])
    invitation_url = reverse(
        "accounts-api:invitation", args=[workspace.pk, invitation.pk]
    )
    num_entries = AuditEntry.objects.count()

    answers = [
        api_as(alice).patch(member_url, {"role": "viewer"}, format="json"),
        api_as(alice).delete(member_url),
        api_as(alice).delete(invitation_url),
    ]

    foreign.refresh_from_db()
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert foreign.role == "owner"
    assert Invitation.objects.filter(pk=invitation.pk).exists()
    assert AuditEntry.objects.count() == num_entries
