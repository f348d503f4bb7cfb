"""Passwords, invitations, roles and tokens, as a person meets them."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from apps.accounts.models import ApiToken, Invitation, Membership, User, Workspace
from apps.accounts.types import Role
from tests.factories.accounts import UserFactory

PASSWORD = "another good password"


@pytest.fixture
def client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def link_in_mail() -> str:
    found = re.search(r"http://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def test_a_forgotten_password_is_replaced_by_mail(alice: User) -> None:
    client = Client()

    client.post(reverse("account_reset_password"), {"email": alice.email})
    page = client.get(link_in_mail(), follow=True)
    client.post(
        page.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD}
    )

    alice.refresh_from_db()
    assert "Choose a new password" in page.text
    assert alice.check_password(PASSWORD)


def test_a_used_link_says_so_and_offers_a_new_one(alice: User) -> None:
    client = Client()
    client.post(reverse("account_reset_password"), {"email": alice.email})
    link = link_in_mail()
    page = client.get(link, follow=True)
    client.post(
        page.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD}
    )

    again = Client().get(link, follow=True).text

    assert "This link no longer works" in again
    assert reverse("account_reset_password") in again


def test_signing_up_gives_a_workspace_of_ones_own(db: None) -> None:
    client = Client()

    answer = client.post(
        reverse("account_signup"),
        {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD},
        follow=True,
    )

    assert "new&#x27;s workspace" in answer.text
    assert "<h1>Hello</h1>" in answer.text


def test_an_invitation_is_shown_mailed_and_brings_its_person_in(
    client: Client,
    workspace: Workspace,
    django_capture_on_commit_callbacks: object,
) -> None:
    dora = UserFactory(email="dora@example.com")
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        page = client.post(
            reverse("accounts:invite"),
            {"email": dora.email, "role": Role.REVIEWER},
        ).text
    link = link_in_mail()
    shown = Client().get(link).text
    hers = Client()
    hers.force_login(dora)
    hers.post(link)

    assert link in page
    assert "Join Plant 7" in shown
    membership = Membership.objects.get(workspace=workspace, user=dora)
    assert membership.role == Role.REVIEWER
    assert not Invitation.objects.filter(accepted_at=None).exists()


def test_an_invitation_that_is_over_answers_410(db: None) -> None:
    answer = Client().get(reverse("accounts:invitation", args=["nobody-made-this"]))

    assert answer.status_code == 410
    assert "This invitation is over" in answer.text


def test_a_tokens_secret_is_shown_once(client: Client) -> None:
    url = reverse("accounts:tokens")

    page = client.post(url, {"name": "robot", "scope": "read"}).text
    secret = re.search(r'id="secret">([^<]+)<', page)

    assert secret is not None
    assert ApiToken.objects.get().prefix == secret[1][:10]
    assert secret[1] not in client.get(url).text


def test_members_who_do_not_manage_see_roles_and_change_none(bob: User) -> None:
    client = Client()
    client.force_login(bob)

    html = client.get(reverse("accounts:people")).text

    assert "<select" not in html
    assert reverse("accounts:invite") not in html
    assert html.count('data-dialog-open="remove-') == 1  # to leave
