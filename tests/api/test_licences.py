"""Which licences a workspace works with: who says so, and what it stops."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.accounts.services import add_member, create_workspace
from apps.accounts.types import Role, Scope
from apps.deployments.targets.engines.planning import model_of
from apps.marketplace.errors import LicenceDeniedError
from apps.marketplace.models import LicenceRules, Model
from apps.marketplace.selectors.licences import (
    check_licence,
    check_revision,
    is_denied,
)
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.licences import set_licence_rules
from apps.marketplace.services.repositories import create_repository
from tests.api.test_pages_marketplace import put


@pytest.fixture
def copyleft(alice: User) -> Model:
    model = create_repository(user=alice, namespace="", name="copyleft")
    files = [
        put("README.md", b"---\nlicense: agpl-3.0\n---\n"),
        put("model.onnx", b"onnx"),
        put("config.json", b'{"format": "onnx"}'),
    ]
    commit(model=model, user=alice, changes=Changes(title="First", files=files))
    model.refresh_from_db()
    return model


def deny(user: User, workspace: Workspace, *names: str) -> None:
    set_licence_rules(
        user=user, workspace_id=workspace.pk, allowed=[], denied=list(names)
    )


@pytest.mark.parametrize(
    ("allowed", "denied", "licence", "is_no"),
    [
        ([], [], "", False),
        ([], ["AGPL-3.0"], "agpl-3.0", True),
        ([], ["AGPL-3.0"], "mit", False),
        (["mit"], [], "mit", False),
        (["mit"], [], "apache-2.0", True),
        (["mit"], [], "", True),
        (["mit", "unknown"], [], "openrail", False),
        (["mit"], ["mit"], "mit", True),
        ([], ["Unknown"], "", True),
        ([], ["unknown"], "other", True),
        ([], ["unknown"], "mit", False),
    ],
)
def test_what_rules_say(
    alice: User,
    workspace: Workspace,
    allowed: list[str],
    denied: list[str],
    licence: str,
    is_no: bool,  # noqa: FBT001 -- a case
):
    set_licence_rules(
        user=alice, workspace_id=workspace.pk, allowed=allowed, denied=denied
    )

    assert is_denied(workspace_id=workspace.pk, licence=licence) is is_no


def test_a_denied_model_is_neither_deployed_nor_planned_nor_trained_from(
    alice: User, workspace: Workspace, copyleft: Model
):
    assert copyleft.head_id is not None
    deny(alice, workspace, "agpl-3.0")

    with pytest.raises(LicenceDeniedError, match=r"agpl-3\.0, which this workspace"):
        model_of(user=alice, name=copyleft.full_name, workspace_id=workspace.pk)
    with pytest.raises(LicenceDeniedError, match="Settings, Licences"):
        check_revision(workspace_id=workspace.pk, revision_id=copyleft.head_id)


def test_an_endpoint_of_a_denied_model_is_refused_and_leaves_nothing(
    client: Client, alice: User, workspace: Workspace, copyleft: Model, bearer: Any,
    token_for: Any,
):  # fmt: skip
    deny(alice, workspace, "agpl-3.0")
    url = reverse("deployments-api:endpoint-list")

    answer = bearer(token_for(alice)).post(
        url,
        {"workspace_id": workspace.pk, "name": "x", "model": copyleft.full_name},
        format="json",
    )

    assert answer.status_code == 403, answer.json()
    assert answer.json()["code"] == "licence_denied"


def test_another_workspace_works_with_what_it_likes(
    alice: User, workspace: Workspace, copyleft: Model
):
    other = create_workspace(user=alice, name="Other")
    deny(alice, workspace, "agpl-3.0")

    check_licence(workspace_id=other.pk, full_name="a/b", licence=copyleft.licence)


def test_a_models_page_says_so_and_offers_no_deployment(
    client: Client, alice: User, workspace: Workspace, copyleft: Model
):
    client.force_login(alice)
    url = reverse("marketplace:model", args=[copyleft.namespace.name, copyleft.name])
    assert "does not work with" not in client.get(url).text
    deny(alice, workspace, "agpl-3.0")

    page = client.get(url).text

    assert "does not work with the licence agpl-3.0" in page
    assert reverse("deployments:new") + "?model" not in page


def test_owners_change_the_rules_on_the_page(
    client: Client, alice: User, bob: User, workspace: Workspace
):
    add_member(workspace_id=workspace.pk, user=bob, role=Role.MANAGER)
    url = reverse("marketplace:licences")
    client.force_login(alice)
    client.post(url, {"allowed": "mit, apache-2.0", "denied": "unknown"})

    rules = LicenceRules.objects.get()
    assert (rules.allowed, rules.denied) == (["Apache-2.0", "MIT"], ["unknown"])
    wrong = client.post(url, {"allowed": "mti", "denied": ""}).text
    assert "mti: SPDX has no such licence" in wrong
    client.force_login(bob)
    assert client.post(url, {"denied": "mti"}).status_code == 403
    assert "An owner of the workspace changes this" in client.get(url).text


def test_the_api_reads_and_sets_them(
    alice: User, workspace: Workspace, bearer: Any, token_for: Any
):
    url = reverse("marketplace-api:licences", args=[workspace.pk])
    client = bearer(token_for(alice, Scope.ADMIN))

    made = client.put(url, {"allowed": [], "denied": ["gpl-3.0"]}, format="json")
    wrong = client.put(url, {"allowed": ["nope"], "denied": []}, format="json")

    assert made.json() == client.get(url).json() == {
        "allowed": [],
        "denied": ["GPL-3.0"],
    }  # fmt: skip
    assert wrong.status_code == 400
    assert wrong.json()["code"] == "bad_licence"
