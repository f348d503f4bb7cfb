"""A POST with an Idempotency-Key is carried out once, however often it is sent."""

import io
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PillowImage
from rest_framework.test import APIClient

from apps.accounts.models import ApiToken, User, Workspace
from apps.core.answers import forget_answers
from apps.core.models import AnsweredRequest
from apps.labeling.models import Image, Label, OperationLog, Project
from tests.factories.marketplace import ModelRevisionFactory


def make(client: APIClient, key: str, name: str = "Plant 8") -> Any:
    return client.post(
        reverse("accounts-api:workspace-list"),
        {"name": name},
        format="json",
        headers={"Idempotency-Key": key},
    )


def test_the_same_key_is_one_effect_and_one_answer(
    alice: User, api_as: Callable[[User], APIClient]
):
    first = make(api_as(alice), "k1")

    again = make(api_as(alice), "k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert Workspace.objects.filter(name="Plant 8").count() == 1


def test_an_answer_is_forgotten_after_its_time_and_a_bounded_number_at_once(
    alice: User, api_as: Callable[[User], APIClient]
):
    for key in ("k1", "k2", "k3", "fresh"):
        make(api_as(alice), key, name=key)
    old = timezone.now() - timedelta(hours=settings.ANSWERS_KEPT_H, seconds=1)
    AnsweredRequest.objects.exclude(key="fresh").update(created_at=old)

    num_forgotten = [forget_answers(most=2) for _ in range(3)]

    assert num_forgotten == [2, 1, 0]
    assert [row.key for row in AnsweredRequest.objects.all()] == ["fresh"]
    assert "Idempotency-Replayed" not in make(api_as(alice), "k1", name="again")


def test_a_key_belongs_to_one_request(alice: User, api_as: Callable[[User], APIClient]):
    make(api_as(alice), "k1")

    other_body = make(api_as(alice), "k1", name="Plant 9")
    other_path = api_as(alice).post(
        reverse("accounts-api:token-list"),
        {"name": "Plant 8"},
        format="json",
        headers={"Idempotency-Key": "k1"},
    )

    assert (other_body.status_code, other_path.status_code) == (422, 422)
    assert other_body.json()["code"] == "idempotency_key_reused"
    assert not Workspace.objects.filter(name="Plant 9").exists()
    assert not ApiToken.objects.exists()


def test_a_key_belongs_to_one_person(
    alice: User, bob: User, api_as: Callable[[User], APIClient]
):
    make(api_as(alice), "k1")

    answer = make(api_as(bob), "k1")

    assert "Idempotency-Replayed" not in answer
    assert Workspace.objects.filter(name="Plant 8").count() == 2


def test_a_refused_request_leaves_its_key_free(
    alice: User, api_as: Callable[[User], APIClient]
):
    refused = make(api_as(alice), "k1", name="")

    answer = make(api_as(alice), "k1")

    assert (refused.status_code, answer.status_code) == (400, 201)
    assert AnsweredRequest.objects.count() == 1


def test_files_are_told_apart_by_their_bytes(
    alice: User,
    project: Project,
    api_as: Callable[[User], APIClient],
):
    def send(color: str) -> Any:
        file = io.BytesIO()
        PillowImage.new("RGB", (8, 8), color).save(file, "BMP")
        file.seek(0)
        file.name = "a.bmp"
        return api_as(alice).post(
            reverse("labeling-api:image-list", args=[project.pk]),
            {"file": file},
            headers={"Idempotency-Key": "k1"},
        )

    send("#000001")

    same, other = send("#000001"), send("#000002")  # of equal size

    assert same["Idempotency-Replayed"] == "true"
    assert other.status_code == 422
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_duplicates_at_the_same_moment_are_one_effect(
    alice: User, token_for: Callable[..., str], bearer: Callable[[str], APIClient]
):
    secret = token_for(alice)
    start = threading.Barrier(6)

    def send(_number: int) -> Any:
        start.wait()
        try:
            return make(bearer(secret), "k1")
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, range(6)))

    assert [answer.status_code for answer in answers] == [201] * 6
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer for answer in answers) == 5
    assert Workspace.objects.filter(name="Plant 8").count() == 1


@pytest.mark.django_db(transaction=True)
def test_people_saving_at_the_same_moment_lose_nothing(
    alice: User,
    image: Image,
    scratch: Label,
    token_for: Callable[..., str],
    bearer: Callable[[str], APIClient],
):
    secret = token_for(alice)
    start = threading.Barrier(5)

    def save(_number: int) -> int:
        start.wait()
        try:
            return put(bearer(secret), image, scratch, revision=0).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        statuses = list(pool.map(save, range(5)))

    image.refresh_from_db()
    assert sorted(statuses) == [200, 412, 412, 412, 412]
    assert (image.revision, image.annotations.count()) == (1, 1)


def test_a_batch_without_a_key_is_never_taken_for_anothers(
    alice: User, bob: User, image: Image, scratch: Label, api_as: Any
):
    put(api_as(alice), image, scratch, revision=0)

    late = put(api_as(bob), image, scratch, revision=0)

    assert late.status_code == 412
    assert late.json() == {
        "detail": "the image is at revision 1, you saw 0: read it again and merge",
        "code": "revision_conflict",
        "revision": 1,
    }
    assert OperationLog.objects.count() == 1


def test_a_batch_that_is_sent_again_is_applied_once(
    alice: User, image: Image, scratch: Label, api_as: Any
):
    uid, key = str(uuid.uuid4()), str(uuid.uuid4())
    first = put(api_as(alice), image, scratch, revision=0, key=key, uid=uid)

    again = put(api_as(alice), image, scratch, revision=0, key=key, uid=uid)

    assert first.json() == again.json() == {"revision": 1}
    assert image.annotations.count() == 1
    assert OperationLog.objects.count() == 1


def test_a_batch_is_known_for_good_and_its_key_belongs_to_it_alone(
    alice: User, bob: User, image: Image, scratch: Label, api_as: Any
):
    uid, key = str(uuid.uuid4()), str(uuid.uuid4())
    put(api_as(alice), image, scratch, revision=0, key=key, uid=uid)
    put(api_as(bob), image, scratch, revision=1)

    late = put(api_as(alice), image, scratch, revision=0, key=key, uid=uid)
    other = put(api_as(alice), image, scratch, revision=2, key=key)
    odd = put(api_as(alice), image, scratch, revision=2, key="k" * 65)

    assert (late.status_code, late.json()) == (200, {"revision": 1})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (odd.status_code, odd.json()["code"]) == (400, "bad_idempotency_key")
    assert image.annotations.count() == 2
    assert not AnsweredRequest.objects.exists()  # the log of operations is enough


def test_a_job_is_started_once(
    alice: User, image: Image, api_as: Any, django_capture_on_commit_callbacks: Any
):
    ModelRevisionFactory(classes=["scratch"])
    url = reverse("labeling-api:prelabel", args=[image.project_id])

    with django_capture_on_commit_callbacks() as sent:
        first, again = (
            api_as(alice).post(
                url, {}, format="json", headers={"Idempotency-Key": "k1"}
            )
            for _ in range(2)
        )

    assert first.json() == again.json()
    assert first.status_code == again.status_code == 202
    assert len(sent) == 2  # one poke, one task


def put(
    client: APIClient, image: Image, label: Label, *, revision: int, **given: str
) -> Any:
    shape = {
        "id": given.get("uid", str(uuid.uuid4())),
        "label_id": label.pk,
        "kind": "box",
        "bbox": [1, 2, 30, 40],
    }
    headers = {"If-Match": f'"{revision}"'}
    if "key" in given:
        headers["Idempotency-Key"] = given["key"]
    return client.post(
        reverse("labeling-api:operations", args=[image.pk]),
        {"operations": [{"op": "put", "annotation": shape}]},
        format="json",
        headers=headers,
    )
