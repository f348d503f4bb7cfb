"""Large files that come wrong, short, late or too many: nothing of them is kept."""

import base64
import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.core import blobs
from apps.marketplace.api.hub import lfs
from apps.marketplace.models import Model, ModelRevision, Namespace, Upload
from apps.marketplace.services.repositories import create_repository, delete_repository

CONTENT = b"weights" * 100
SIZE = len(CONTENT)
OID = hashlib.sha256(CONTENT).hexdigest()
JSON = "application/json"


@pytest.fixture
def model(alice: User) -> Model:
    return create_repository(user=alice, namespace="", name="boards")


@pytest.fixture
def client(alice: User, token_for: Callable[[User], str]) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(alice)}"})


@pytest.fixture
def announce(client: Client, model: Model) -> Callable[..., dict[str, Any]]:
    """Ask where to send a file, as the clients do; returns what is answered of it."""
    return partial(announce_to, client, model)


def announce_to(
    client: Client, model: Model, oid: str = OID, size: Any = SIZE, **given: object
) -> Any:
    body = {"operation": "upload", "objects": [{"oid": oid, "size": size}], **given}
    url = f"/{model.full_name}.git/info/lfs/objects/batch"
    answer = client.post(url, json.dumps(body), content_type=JSON)
    return answer.json()["objects"][0] if answer.status_code == 200 else answer


def put(told: dict[str, Any], content: bytes) -> Any:
    return Client().put(
        told["actions"]["upload"]["href"],
        content,
        content_type="application/octet-stream",
    )


def commit(client: Client, model: Model, *paths: str, oid: str = OID) -> Any:
    lines = [{"key": "header", "value": {"summary": "Weights"}}] + [
        {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid}}
        for path in paths
    ]
    return client.post(
        f"/api/models/{model.full_name}/commit/main",
        "\n".join(map(json.dumps, lines)),
        content_type="application/x-ndjson",
    )


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        (CONTENT[::-1], 400, "send the file again"),
        (CONTENT[:-1], 400, "send the file again"),
        (b"", 400, "send the file again"),
        (CONTENT + b"!", 413, "send what was announced"),
    ],
)
def test_other_bytes_than_announced_are_refused_and_not_kept(
    client: Client,
    model: Model,
    announce: Callable[..., dict[str, Any]],
    sent: bytes,
    status: int,
    said: str,
):
    told = announce()

    answer = put(told, sent)
    named = commit(client, model, "model.bin")
    again = put(told, CONTENT)
    taken = commit(client, model, "model.bin")

    assert (answer.status_code, again.status_code) == (status, 200)
    assert said in answer.headers["X-Error-Message"]
    assert named.status_code == 400
    assert "upload the file, then commit it" in named.headers["X-Error-Message"]
    assert taken.status_code == 200
    assert [one.sha256 for one in Upload.objects.all()] == [OID]


def test_a_file_in_parts_is_what_they_are_together(
    client: Client, model: Model, announce: Callable[..., dict[str, Any]], settings: Any
):
    settings.HUB_PART_BYTES = 300
    upload = announce(transfers=["basic", "multipart"])["actions"]["upload"]
    tags = [
        {
            "partNumber": number + 1,
            "etag": Client()
            .put(
                upload["header"][f"{number + 1:05d}"],
                CONTENT[number * 300 : number * 300 + 300],
                content_type="application/octet-stream",
            )
            .headers["ETag"],
        }
        for number in range(3)
    ]

    def finish(parts: Any) -> Any:
        body = json.dumps({"oid": OID, "parts": parts})
        return Client().post(upload["href"], body, content_type=JSON)

    without_one = finish(tags[:2])
    untold = finish([*tags[:2], {"partNumber": 3, "etag": ""}])
    assert not Upload.objects.exists()
    whole = finish(tags)

    assert (without_one.status_code, untold.status_code) == (400, 400)
    assert "send it again" in untold.headers["X-Error-Message"]
    assert whole.status_code == 200
    assert commit(client, model, "model.bin").status_code == 200
    with blobs.open_blob(OID) as file:
        assert file.read() == CONTENT


def test_an_address_that_is_old_takes_nothing(
    announce: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
):
    told = announce()
    monkeypatch.setattr(lfs, "VALID_S", -1)

    answer = put(told, CONTENT)

    assert answer.status_code == 401
    assert "start the upload again" in answer.headers["X-Error-Message"]
    assert not Upload.objects.exists()


@pytest.mark.parametrize(
    ("oid", "size", "status"),
    [
        ("0" * 63, 1, 400),
        ("G" * 64, 1, 400),
        (OID, -1, 400),
        (OID, "7", 400),
        (OID, 65 * 1024**3, 413),
    ],
)
def test_what_cannot_be_a_file_here_is_refused_before_it_is_sent(
    announce: Callable[..., Any], oid: str, size: Any, status: int
):
    assert announce(oid, size).status_code == status


def test_more_files_than_a_repository_holds_make_no_commit(
    client: Client, model: Model, announce: Callable[..., dict[str, Any]], settings: Any
):
    settings.HUB_MAX_FILES = 2
    put(announce(), CONTENT)
    revisions = ModelRevision.objects.filter(model=model).count()

    many = commit(client, model, "a.bin", "b.bin", "c.bin")
    two = commit(client, model, "a.bin", "b.bin")

    assert (many.status_code, two.status_code) == (413, 200)
    assert "at most 2 files" in many.headers["X-Error-Message"]
    assert ModelRevision.objects.filter(model=model).count() == revisions + 1


def test_of_too_many_small_files_the_rest_is_not_read(
    client: Client, model: Model, settings: Any
):
    settings.HUB_MAX_FILES = 2
    lines: list[object] = [{"key": "header", "value": {"summary": "Many"}}]
    for num in range(3):
        content = base64.b64encode(b"%d" % num).decode()
        file = {"path": f"{num}", "content": content, "encoding": "base64"}
        lines.append({"key": "file", "value": file})
    lines.append({"key": "nonsense", "value": {}})
    body = "\n".join(map(json.dumps, lines))

    answer = client.post(
        f"/api/models/{model.full_name}/commit/main", body, "application/x-ndjson"
    )

    assert answer.status_code == 413
    assert "at most 2 files" in answer.headers["X-Error-Message"]


def test_a_namespace_holds_no_more_than_its_quota(
    client: Client,
    model: Model,
    announce: Callable[..., dict[str, Any]],
    alice: User,
    settings: Any,
):
    def preupload(size: int) -> Any:
        files = {"files": [{"path": "model.bin", "size": size, "sample": ""}]}
        url = f"/api/models/{model.full_name}/preupload/main"
        return client.post(url, json.dumps(files), content_type=JSON)

    settings.HUB_QUOTA_BYTES = SIZE - 1
    put(announce(), CONTENT)

    announced, made = preupload(SIZE), commit(client, model, "model.bin")
    small = preupload(SIZE - 1)
    Namespace.objects.filter(pk=model.namespace_id).update(quota_bytes=SIZE)
    with_more = commit(client, model, "model.bin")
    same = commit(client, model, "again.bin")

    for refused in (announced, made):
        assert refused.status_code == 403
        assert "delete a repository" in refused.headers["X-Error-Message"]
    assert [one.status_code for one in (small, with_more, same)] == [200, 200, 200]
    assert Model.objects.get(pk=model.pk).num_bytes_new == SIZE
    page = Client()
    page.force_login(alice)
    shown = page.get(reverse("marketplace:settings", args=["plant-7", "boards"])).text
    assert "It may hold 700" in shown

    delete_repository(user=alice, model=model)
    other = create_repository(user=alice, namespace="", name="other")
    put(announce_to(client, other), CONTENT)
    taken = commit(client, other, "model.bin")
    back = page.post(reverse("marketplace:restore", args=[model.pk]), follow=True).text

    assert taken.status_code == 200
    assert "plant-7 holds 700" in back
    assert Model.objects.get(pk=model.pk).deleted_at is not None
