"""Tokens: what they open, and when they no longer do."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken, User, Workspace
from apps.accounts.types import Scope
from apps.core.throttle import PerMinute
from apps.labeling.models import Project

Bearer = Callable[[str], APIClient]


def test_a_token_is_its_person(alice: User, token_for: Any, bearer: Bearer):
    client = bearer(token_for(alice, Scope.READ))

    answer = client.get(reverse("accounts-api:me"))

    assert answer.json() == {
        "id": alice.pk,
        "email": "alice@example.com",
        "name": "",
        "is_staff": False,
    }


@pytest.mark.parametrize("secret", ["", "dsp_unknown", "\u00b2", "x" * 5000])
def test_an_unknown_token_is_refused(db: None, bearer: Bearer, secret: str):
    answer = bearer(secret).get(reverse("accounts-api:me"))

    assert answer.status_code == 401
    assert answer.json() == {
        "detail": "this token is not known",
        "code": "authentication_failed",
    }
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("field", ["expires_at", "revoked_at"])
def test_a_token_that_ended_says_what_to_do(
    alice: User, token_for: Any, bearer: Bearer, field: str
):
    client = bearer(token_for(alice))
    ApiToken.objects.update(**{field: timezone.now() - timedelta(seconds=1)})

    answer = client.get(reverse("accounts-api:me"))

    assert answer.status_code == 401
    assert answer.json() == {
        "detail": ("this token has expired or was revoked: make a new one in Settings"),
        "code": "token_expired",
    }


def test_a_token_of_somebody_shut_out_is_refused(
    alice: User, token_for: Any, bearer: Bearer
):
    client = bearer(token_for(alice))
    User.objects.update(is_active=False)

    answer = client.get(reverse("accounts-api:me"))

    assert answer.status_code == 401


def test_a_bad_token_is_refused_even_with_a_good_session(
    alice: User, api_as: Callable[[User], APIClient]
):
    answer = api_as(alice).get(
        reverse("accounts-api:me"), headers={"Authorization": "Bearer dsp_bad"}
    )

    assert answer.status_code == 401


def test_a_read_token_writes_nothing(
    alice: User, project: Project, token_for: Any, bearer: Bearer
):
    client = bearer(token_for(alice, Scope.READ))

    answer = client.patch(
        reverse("labeling-api:project", args=[project.pk]),
        {"name": "changed"},
        format="json",
    )

    assert answer.status_code == 403
    assert answer.json() == {
        "detail": (
            "this token's scope does not allow that: make one with a wider scope"
        ),
        "code": "scope_too_narrow",
    }
    project.refresh_from_db()
    assert project.name == "Line 3"


def test_a_write_token_makes_no_token(alice: User, token_for: Any, bearer: Bearer):
    client = bearer(token_for(alice, Scope.WRITE))

    answer = client.post(
        reverse("accounts-api:token-list"),
        {"name": "more", "scope": "admin"},
        format="json",
    )

    assert answer.status_code == 403
    assert ApiToken.objects.count() == 1


def test_a_token_is_made_shown_once_and_revoked(
    alice: User, api_as: Callable[[User], APIClient], bearer: Bearer
):
    me, tokens = reverse("accounts-api:me"), reverse("accounts-api:token-list")

    made = api_as(alice).post(
        tokens, {"name": "robot", "scope": "read", "days": 7}, format="json"
    )
    listed = api_as(alice).get(tokens).json()["results"]
    before = bearer(made.json()["secret"]).get(me).status_code
    api_as(alice).delete(reverse("accounts-api:token", args=[made.json()["id"]]))
    after = bearer(made.json()["secret"]).get(me).status_code

    assert made.status_code == 201
    assert made.json()["secret"] not in str(listed)
    assert [row["scopes"] for row in listed] == [["read"]]
    assert (before, after) == (200, 401)


def test_a_session_needs_the_csrf_token_to_write(alice: User):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    num = Workspace.objects.count()

    answer = client.post(
        reverse("accounts-api:workspace-list"), {"name": "n"}, format="json"
    )

    assert answer.status_code == 403
    assert answer.json()["code"] == "permission_denied"
    assert Workspace.objects.count() == num


def test_who_asks_too_often_is_told_to_wait(
    alice: User, bob: User, token_for: Any, bearer: Bearer, settings, monkeypatch
):
    view = "apps.accounts.api.MeApi.throttle_classes"
    monkeypatch.setattr(view, [PerMinute])
    monkeypatch.setattr("apps.core.throttle.WINDOW_S", 10**9)  # never ends in here
    settings.REQUESTS_PER_MINUTE = {"user": 3, "anonymous": 1}
    clients = bearer(token_for(alice)), bearer(token_for(bob))

    answers = [clients[0].get(reverse("accounts-api:me")) for _ in range(4)]
    of_another = clients[1].get(reverse("accounts-api:me"))

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json()["code"] == "throttled"
    assert 0 < int(answers[3]["Retry-After"]) <= 10**9
    assert of_another.status_code == 200
