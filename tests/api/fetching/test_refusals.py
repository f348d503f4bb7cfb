"""What an upstream, a network or a disk may do, and what is said of it then."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from huggingface_hub import HfApi
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.jobs.models import Job
from apps.marketplace.catalogue.models import Fetch, Mirror
from apps.marketplace.models import LicenceRules, Model
from tests.api.fetching.given import CARD, job_of, weights
from tests.api.fetching.wires import Wire

pytestmark = pytest.mark.django_db(transaction=True)


def nothing_was_made() -> bool:
    return not (
        Mirror.objects.exists()
        or Model.objects.exclude(namespace__workspace=None).exists()
    )


def test_what_the_upstream_does_not_have_is_said_at_once(between: Wire, ask: Any):
    answer = ask("demo/nothing-there")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_upstream")
    assert "check the name there" in answer.json()["detail"]
    assert nothing_was_made()
    assert not Job.objects.exists()


@pytest.mark.parametrize("status", [401, 403])
def test_a_gate_is_said_at_once_with_the_way_through(
    between: Wire, publish: Callable[..., str], ask: Any, status: int
):
    source = publish(a__txt=b"a")
    between.status["/api/models/"] = status

    answer = ask(source)

    assert (answer.status_code, answer.json()["code"]) == (409, "upstream_refused")
    assert "accept its terms" in answer.json()["detail"]
    assert not Job.objects.exists()


def test_what_the_workspaces_rules_deny_does_not_come(
    between: Wire, publish: Callable[..., str], ask: Any, workspace: Workspace
):
    source = publish(README__md=CARD.encode(), a__txt=b"a")
    rules = LicenceRules.objects.create(workspace=workspace, allowed=["Apache-2.0"])

    refused = ask(source)

    assert (refused.status_code, refused.json()["code"]) == (403, "licence_denied")
    assert "has the licence mit" in refused.json()["detail"]
    assert nothing_was_made()
    rules.allowed = ["Apache-2.0", "MIT"]
    rules.save()
    assert job_of(ask(source)).status == "done"


def test_files_behind_a_gate_end_the_job_with_the_way_through(
    between: Wire, publish: Callable[..., str], ask: Any
):
    source = publish(a__txt=b"a")
    between.status["/resolve/"] = 403

    job = job_of(ask(source))

    assert (job.status, job.error_code) == ("failed", "bad_input")
    assert "HUB_UPSTREAM_TOKEN" in job.error
    assert nothing_was_made()


def test_without_a_network_it_says_so_at_once(ask: Any, settings: Any):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.HUB_UPSTREAM = f"http://127.0.0.1:{probe.getsockname()[1]}"
        began = time.monotonic()
        answer = ask("timm/resnet18.a1_in1k")

    assert time.monotonic() - began < 5
    assert (answer.status_code, answer.json()["code"]) == (424, "upstream_away")
    assert "hf upload" in answer.json()["detail"]
    assert not Job.objects.exists()


def test_where_no_upstream_is_set_it_says_so(ask: Any, settings: Any):
    settings.HUB_UPSTREAM = ""

    answer = ask("timm/resnet18.a1_in1k")

    assert (answer.status_code, answer.json()["code"]) == (424, "upstream_away")
    assert "HUB_UPSTREAM" in answer.json()["detail"]


def test_bytes_that_were_changed_on_the_way_are_not_kept(
    between: Wire, publish: Callable[..., str], ask: Any, tmp_path: Path
):
    source = publish(model__safetensors=weights(tmp_path, 4.0), a__txt=b"a")
    between.damage.add("model.safetensors")

    job = job_of(ask(source))

    assert (job.status, job.error_code) == ("failed", "wrong_bytes")
    assert "not what the upstream announced" in job.error
    assert nothing_was_made()


def test_a_connection_that_breaks_midway_leaves_nothing_and_can_be_tried_again(
    between: Wire,
    publish: Callable[..., str],
    ask: Any,
    tmp_path: Path,
    settings: Any,
):
    source = publish(
        model__safetensors=weights(tmp_path, 5.0, rows=30_000), a__txt=b"a"
    )
    between.cut.add("model.safetensors")

    broken = job_of(ask(source))
    was_nothing = nothing_was_made()
    between.cut.clear()
    again = job_of(ask(source))

    assert broken.status == "failed"
    assert "fetch again" in broken.error
    assert was_nothing
    assert again.status == "done", again.error


def test_a_full_disk_is_said_before_anything_comes(
    between: Wire,
    publish: Callable[..., str],
    ask: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    source = publish(a__txt=b"a")
    left = SimpleNamespace(total=10**9, used=10**9, free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: left)

    answer = ask(source)

    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert not Job.objects.exists()


def test_a_name_that_is_taken_asks_for_another(
    between: Wire, publish: Callable[..., str], ask: Any, there: HfApi
):
    source = publish(a__txt=b"a")
    job_of(ask(source, name="taken"))
    other = f"{source}-2"
    there.create_repo(other, exist_ok=True)
    there.upload_file(repo_id=other, path_or_fileobj=b"b", path_in_repo="b.txt")

    clash = ask(other, name="Taken")
    fine = ask(other, name="free")

    assert (clash.status_code, clash.json()["code"]) == (409, "name_taken")
    assert "give another name" in clash.json()["detail"]
    assert job_of(fine).status == "done"


@pytest.mark.parametrize("source", ["", "resnet", "a/b/c", "../x", "a/..", "a b/c"])
def test_what_names_no_model_is_refused(ask: Any, source: str):
    answer = ask(source)

    assert answer.status_code == 400
    assert not Fetch.objects.exists()


def test_the_page_keeps_what_was_typed_and_says_why(
    client: Client, alice: User, workspace: Workspace, settings: Any
):
    settings.HUB_UPSTREAM = ""
    client.force_login(alice)

    page = client.post("/marketplace/catalogue/", {"source": "timm/x", "name": "mine"})

    text = page.content.decode()
    assert page.status_code == 400
    assert 'value="timm/x"' in text
    assert 'value="mine"' in text
    assert "set HUB_UPSTREAM" in text


def test_the_catalogue_is_searched_over_the_api(
    alice: User, api_as: Callable[..., APIClient]
):
    told = (
        api_as(alice)
        .get(
            "/api/v1/marketplace/catalogue/",
            {"q": "resnet50 a1_in1k", "library": "timm"},
        )
        .json()
    )

    assert "timm/resnet50.a1_in1k" in json.dumps(told["results"])
    assert told["num_found"] == len(told["results"])
