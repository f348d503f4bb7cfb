"""Files as the hub hands them out: only what changed, and ranges of what is the same."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.marketplace.errors import BadPathError
from apps.marketplace.formats.paths import check_path
from apps.marketplace.models import Model
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.repositories import create_repository
from tests.api.test_pages_marketplace import put

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(alice: User) -> Model:
    made = create_repository(user=alice, namespace="", name="boards")
    files = [put("a.txt", b"hello world")]
    commit(model=made, user=alice, changes=Changes(title="First", files=files))
    return made


@pytest.fixture
def client(alice: User, token_for: Callable[[User], str]) -> Client:
    return Client(headers={"Authorization": f"Bearer {token_for(alice)}"})


def test_a_look_is_no_download(client: Client, alice: User, model: Model):
    files = [put("config.json", b"{}")]
    commit(model=model, user=alice, changes=Changes(title="Second", files=files))
    url = f"/{model.full_name}/resolve/main/config.json"

    looked = client.head(url)
    model.refresh_from_db()
    num_before = model.num_downloads
    fetched = body(client.get(url))
    model.refresh_from_db()

    assert (looked["Content-Length"], fetched) == ("2", b"{}")
    assert (num_before, model.num_downloads) == (0, 1)


def body(answer: Any) -> bytes:
    return bytes(answer.getvalue())


def test_who_has_the_bytes_is_sent_none(client: Client, model: Model):
    url = f"/{model.full_name}/resolve/main/a.txt"
    etag = client.head(url)["ETag"]

    same = client.get(url, headers={"If-None-Match": f'"other", W/{etag}'})
    other = client.get(url, headers={"If-None-Match": '"other"'})

    assert (same.status_code, same.content, same["ETag"]) == (304, b"", etag)
    assert same["X-Repo-Commit"] == other["X-Repo-Commit"]
    assert body(other) == b"hello world"


def test_a_rest_is_sent_of_the_same_bytes_alone(client: Client, model: Model):
    url = f"/{model.full_name}/resolve/main/a.txt"
    etag = client.head(url)["ETag"]

    rest = client.get(url, headers={"Range": "bytes=6-", "If-Range": etag})
    anew = client.get(url, headers={"Range": "bytes=6-", "If-Range": '"old"'})

    assert (rest.status_code, body(rest)) == (206, b"world")
    assert (anew.status_code, body(anew)) == (200, b"hello world")


@pytest.mark.parametrize("name", ["../boards", "elsewhere/x", "a/b"])
def test_a_name_beside_an_organization_is_the_name_alone(
    client: Client, model: Model, name: str
):
    answer = client.post(
        "/api/repos/create",
        {"name": name, "organization": model.namespace.name},
        "application/json",
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_name")
    assert Model.objects.count() == 1


def test_a_path_that_reads_as_another_is_refused():
    with pytest.raises(BadPathError, match="is no path for a file"):
        check_path("weights\u202efdp.exe")
