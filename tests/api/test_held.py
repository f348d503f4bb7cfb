"""What scanners found something in is used by nothing until a manager lets it go."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import AuditEntry, User, Workspace
from apps.deployments.targets.engines.planning import model_of
from apps.marketplace.errors import HeldError, NotHeldError
from apps.marketplace.models import Clearance, Model, ModelRevision
from apps.marketplace.selectors.licences import check_revision
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.services.clearing import clear_revision
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.services.scanning import scan_revision
from tests.api.test_pages_marketplace import put

SECRET = b"KEY=AKIA" + b"A" * 16
WHY = "The key was revoked on Monday."


@pytest.fixture
def held(alice: User) -> Model:
    model = create_repository(user=alice, namespace="", name="leaky")
    files = [
        put(".env", SECRET),
        put("model.onnx", b"onnx"),
        put("config.json", b'{"format": "onnx"}'),
    ]
    commit(model=model, user=alice, changes=Changes(title="First", files=files))
    model.refresh_from_db()
    assert model.head_id is not None
    scan_revision(revision_id=model.head_id)
    return model


def head(model: Model) -> ModelRevision:
    assert model.head is not None
    return model.head


def page_of(model: Model, name: str = "model") -> str:
    return reverse(f"marketplace:{name}", args=[model.namespace.name, model.name])


def test_nothing_here_works_with_what_is_held(
    alice: User, workspace: Workspace, held: Model
):
    pk = head(held).pk

    with pytest.raises(HeldError, match="held until a manager of its workspace"):
        checked_out(pk)  # for whatever runs it
    assert checked_out(pk, may_be_held=True).is_dir()  # for a converter in its jail
    with pytest.raises(HeldError, match=f"leaky@{head(held).revision[:12]}"):
        check_revision(workspace_id=workspace.pk, revision_id=pk)
    with pytest.raises(HeldError):
        model_of(user=alice, name=held.full_name, workspace_id=workspace.pk)


def test_an_endpoint_is_refused_and_leaves_nothing(
    alice: User, workspace: Workspace, held: Model, bearer: Any, token_for: Any
):
    answer = bearer(token_for(alice)).post(
        reverse("deployments-api:endpoint-list"),
        {"workspace_id": workspace.pk, "name": "x", "model": held.full_name},
        format="json",
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "held")
    listed = bearer(token_for(alice)).get(reverse("deployments-api:endpoint-list"))
    assert listed.json()["results"] == []


def test_a_manager_lets_it_go_with_a_reason_that_is_kept(
    alice: User, workspace: Workspace, held: Model
):
    clear_revision(user=alice, model=held, revision="main", reason=WHY)

    check_revision(workspace_id=workspace.pk, revision_id=head(held).pk)
    assert (checked_out(head(held).pk) / "config.json").is_file()
    entry = AuditEntry.objects.get(action="model.cleared")
    assert entry.detail == {"revision": head(held).revision, "reason": WHY}
    with pytest.raises(NotHeldError, match="is not held"):
        clear_revision(user=alice, model=held, revision="main", reason=WHY)


def test_another_revision_with_the_same_file_is_held_again(alice: User, held: Model):
    clear_revision(user=alice, model=held, revision="main", reason=WHY)
    changes = Changes(title="Second", files=[put("notes.txt", b"Words.")])
    commit(model=held, user=alice, changes=changes)
    held.refresh_from_db()
    scan_revision(revision_id=head(held).pk)

    with pytest.raises(HeldError):
        checked_out(head(held).pk)


def test_the_page_says_so_and_offers_no_deployment(
    client: Client, alice: User, bob: User, held: Model
):
    client.force_login(bob)
    told = client.get(page_of(held)).text
    assert "It is held" in told
    assert reverse("deployments:new") + "?model" not in told
    assert page_of(held, "clear") not in told  # he is no manager
    assert client.post(page_of(held, "clear"), {"reason": WHY}).status_code == 403

    client.force_login(alice)
    assert page_of(held, "clear") in client.get(page_of(held)).text
    form = {"revision": head(held).revision}
    silent = client.post(page_of(held, "clear"), {**form, "reason": " "}, follow=True)
    assert "Say why it may be used" in silent.text
    assert not Clearance.objects.exists()
    cleared = client.post(page_of(held, "clear"), {**form, "reason": WHY}, follow=True)

    assert "It may be used from now on." in cleared.text
    told = client.get(page_of(held)).text
    assert f"lets it be used: {WHY}" in told
    assert "It is held" not in told


def test_the_interface_answers_with_who_and_why(
    alice: User, held: Model, bearer: Any, token_for: Any
):
    url = reverse("marketplace-api:clearance", args=[held.namespace.name, held.name])

    answer = bearer(token_for(alice)).post(url, {"reason": WHY}, format="json")

    assert answer.status_code == 201
    told = answer.json()
    assert (told["revision"], told["reason"]) == (head(held).revision, WHY)
    assert told["by"] == str(alice)
