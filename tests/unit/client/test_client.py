"""The Python client against a server in a process of its own."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage

from apps.accounts.models import ApiToken, User, Workspace
from apps.accounts.types import Scope
from apps.core.models import AnsweredRequest
from apps.jobs import services
from apps.jobs.types import Claim, EventKind, NewEvent
from apps.labeling.models import Image, Project
from dsportal.client import (
    Client,
    ClientError,
    NotFoundError,
    RefusedError,
    ServerDownError,
    TokenError,
)
from tests.factories.labeling import ProjectFactory
from tests.unit.client.conftest import Server
from tests.waiting import waiting_job

ClientOf = Callable[..., Client]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "inner").mkdir(parents=True)
    for number in range(5):
        picture = PillowImage.new("RGB", (40, 30), (number * 40, 80, 120))
        picture.save(folder / f"{number}.png")
    picture.save(folder / "inner" / "same.png")
    (folder / "notes.txt").write_text("not sent")
    (folder / "broken.jpg").write_bytes(b"<html>")
    return folder


def log(claim: Claim, *lines: str) -> None:
    events = [NewEvent(kind=EventKind.LOG, payload={"line": one}) for one in lines]
    services.report(claim, events)


def test_a_project_is_made_filled_and_exported(
    alice: User, client_of: ClientOf, pictures: Path, tmp_path: Path
):
    client = client_of(alice)
    steps: list[tuple[int, int]] = []

    made = client.create_project("Line 5", labels=["scratch"])
    done = client.upload(
        "line 5", [pictures], on_progress=lambda *step: steps.append(step)
    )
    again = client.upload(made.id, [pictures / "0.png"])
    exported = client.export(made.id, tmp_path / "out.json")

    assert [row.name for row in client.projects()] == ["Line 5"]
    assert steps == [(number, 7) for number in range(1, 8)]
    assert [one.path.name for one in done] == [
        "0.png", "1.png", "2.png", "3.png", "4.png", "broken.jpg", "same.png",
    ]  # fmt: skip
    assert sum(one.is_new for one in done) == 5
    assert [one.path.name for one in done if one.error] == ["broken.jpg"]
    assert (again[0].image_id, again[0].is_new) == (done[0].image_id, False)
    assert len(json.loads(exported.read_text())["images"]) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["pictures", "out.json"]
    assert AnsweredRequest.objects.count() == 9  # each POST carried a key


def test_a_file_that_is_not_there_keeps_no_other_back(
    alice: User, client_of: ClientOf, pictures: Path
):
    client = client_of(alice)
    project = client.create_project("p")

    done = client.upload(project.id, [pictures / "none.png", pictures / "1.png"])

    assert [one.error for one in done] == [
        "cannot be read: No such file or directory",
        "",
    ]
    assert Image.objects.count() == 1


def test_boxes_are_saved_and_a_stale_revision_is_told(
    alice: User, client_of: ClientOf, pictures: Path
):
    client = client_of(alice)
    project = client.create_project("p", labels=["scratch"])
    image_id = client.upload(project.id, [pictures / "0.png"])[0].image_id
    assert image_id is not None
    document = client.document(image_id)
    shape = {
        "id": "7d1b2f0c-6a0e-4f57-9f0e-0a4c2c9b1d11",
        "label_id": document["labels"][0]["id"],
        "kind": "box",
        "bbox": [1, 2, 30, 20],
    }
    operation = {"op": "put", "annotation": shape}

    revision = client.save(image_id, [operation], revision=0)
    with pytest.raises(RefusedError, match="read it again and merge") as refused:
        client.save(image_id, [operation], revision=0)
    client.submit(image_id)

    assert (revision, refused.value.code) == (1, "revision_conflict")
    assert [row["state"] for row in client.images(project.id)] == ["submitted"]
    assert not list(client.images(project.id, state="unlabeled"))
    with pytest.raises(RefusedError, match="min_score must be in"):
        list(client.images(project.id, min_score=2))


def test_lists_are_read_over_all_pages(
    alice: User, workspace: Workspace, client_of: ClientOf
):
    ProjectFactory.create_batch(120, workspace=workspace, created_by=alice)

    found = client_of(alice).projects()

    ids = list(Project.objects.order_by("-pk").values_list("pk", flat=True))
    assert [row.id for row in found] == ids


def test_a_project_is_found_by_name_or_the_known_ones_are_told(
    alice: User, client_of: ClientOf
):
    client = client_of(alice)
    one = client.create_project("Line 5")
    twins = [client.create_project("twin").id for _ in range(2)]

    with pytest.raises(NotFoundError) as unknown:
        client.project_id("Line 6")
    with pytest.raises(ClientError) as unclear:
        client.project_id("twin")

    assert client.project_id("LINE 5") == one.id
    assert str(unknown.value) == (
        f"no project is called 'Line 6'; there are: 'twin' ({twins[1]}), "
        f"'twin' ({twins[0]}), 'Line 5' ({one.id})"
    )
    assert str(unclear.value) == (
        f"2 projects are called 'twin': give one of the ids {twins[1]}, {twins[0]} "
        "instead"
    )


def test_a_token_that_ended_or_is_too_narrow_says_what_to_do(
    alice: User, server: Server, client_of: ClientOf
):
    narrow, ended = client_of(alice, Scope.READ), client_of(alice)
    ApiToken.objects.filter(user=alice).latest("pk").delete()

    with pytest.raises(TokenError) as unknown:
        ended.projects()
    with pytest.raises(TokenError, match="make one with a wider scope"):
        narrow.create_project("p", workspace_id=1)

    assert str(unknown.value) == (
        f"this token is not known; make a token at {server.url}/settings/tokens/ and "
        f"run `dsportal login {server.url}`"
    )


def test_a_server_that_is_down_is_named(unused_tcp_port: int):
    with (
        Client(f"http://127.0.0.1:{unused_tcp_port}", "t", num_tries=2) as client,
        pytest.raises(ServerDownError, match=f"{unused_tcp_port} does not answer"),
    ):
        client.projects()


def test_an_address_that_is_none_is_refused():
    with pytest.raises(ClientError, match="must start with http"):
        Client("portal.example.com", "t")


def test_a_server_that_comes_back_is_waited_for(
    alice: User, server: Server, client_of: ClientOf
):
    client = client_of(alice, num_tries=9)
    server.stop()
    comes_back = threading.Timer(0.5, server.start)
    comes_back.start()

    made = client.create_project("after the break", workspace_id=_home(alice))
    comes_back.join()

    assert made.name == "after the break"
    assert Project.objects.count() == 1


def test_a_job_is_followed_to_its_end(
    alice: User, workspace: Workspace, client_of: ClientOf
):
    job = waiting_job(alice, workspace.pk)
    seen: list[Any] = []

    def follow() -> None:
        seen.extend(client_of(alice).watch(str(job.pk)))

    watcher = threading.Thread(target=follow)
    watcher.start()
    _wait_for(seen, 1)
    claim = services.claim_job(job_id=job.pk, worker="w")
    assert claim is not None
    services.start_running(claim, num_total=1)
    log(claim, "one", "two")
    services.finish_job(claim, result={"a": 1})
    watcher.join(20)

    assert [event.seq for event in seen] == list(range(1, 8))
    assert [event.payload.get("line") for event in seen][3:5] == ["one", "two"]
    assert seen[-1].payload["result"] == {"a": 1}
    assert list(client_of(alice).watch(str(job.pk), after=7)) == []


def test_a_broken_connection_goes_on_from_the_last_event(
    alice: User, workspace: Workspace, server: Server, client_of: ClientOf
):
    job = waiting_job(alice, workspace.pk)
    claim = services.claim_job(job_id=job.pk, worker="w")
    assert claim is not None
    services.start_running(claim, num_total=1)
    events = client_of(alice, num_tries=9).watch(str(job.pk))

    before = [next(events).seq for _ in range(3)]
    server.stop()
    log(claim, "while nobody listened")
    server.start()
    after = [next(events).seq]
    services.finish_job(claim, result={})
    after += [event.seq for event in events]

    assert (before, after) == ([1, 2, 3], [4, 5, 6])


def test_a_job_of_strangers_cannot_be_followed(
    alice: User, charlie: User, workspace: Workspace, client_of: ClientOf
):
    job = waiting_job(alice, workspace.pk)

    with pytest.raises(NotFoundError, match="job not found"):
        next(client_of(charlie).watch(str(job.pk)))


def _home(user: User) -> int:
    return Workspace.objects.get(members=user).pk


def _wait_for(seen: list[Any], count: int) -> None:
    end = time.monotonic() + 60
    while len(seen) < count:
        assert time.monotonic() < end
        time.sleep(0.02)
