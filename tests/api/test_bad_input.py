"""Whatever is sent, the answer is a refusal in the one form and nothing is changed."""

import json
import uuid
from base64 import b64encode
from collections.abc import Callable

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.labeling.models import Annotation, Image, Label, OperationLog, Project
from tests.factories.jobs import JobFactory
from tests.factories.marketplace import ModelRevisionFactory

HUGE = "9" * 5000


def cursor(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.fixture
def client(alice: User, api_as: Callable[[User | None], APIClient]) -> APIClient:
    return api_as(alice)


def post(client: APIClient, url: str, text: str, **headers: str):
    return client.post(url, data=text, content_type="application/json", headers=headers)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        "[" * 100_000,
        '{"name": NaN}',
        '{"name": "a\\u0000b"}',
        '{"name": "\\ud800"}',
        '{"name": {"a": 1}}',
        '{"name": ""}',
        '{"name": "   "}',
        json.dumps({"name": "x" * 121}),
        b'{"name": "\xff"}',
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_is_none_is_refused(client: APIClient, body: str):
    num = Workspace.objects.count()

    answer = post(client, reverse("accounts-api:workspace-list"), body)

    assert answer.status_code == 400
    assert {"detail", "code"} <= answer.json().keys() <= {"detail", "code", "fields"}
    assert Workspace.objects.count() == num


def test_another_media_type_is_refused(client: APIClient):
    url = reverse("accounts-api:workspace-list")

    answer = client.post(url, data="name=a", content_type="text/plain")

    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def test_a_body_of_many_megabytes_is_refused_unread(client: APIClient, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    answer = post(
        client,
        reverse("accounts-api:workspace-list"),
        json.dumps({"name": "n", "more": "x" * 1000}),
    )

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


@pytest.mark.parametrize(
    "attributes", ['{"a": 1e999}', '{"a": "\\u0000"}', '{"\\ud800": 1}', '{"a": NaN}']
)
def test_attributes_that_the_database_cannot_hold_are_refused(
    client: APIClient, image: Image, scratch: Label, attributes: str
):
    annotation = (
        f'{{"id": "{uuid.uuid4()}", "label_id": {scratch.pk}, "kind": "box",'
        f'"bbox": [1, 2, 3, 4], "attributes": {attributes}}}'
    )
    body = f'{{"operations": [{{"op": "put", "annotation": {annotation}}}]}}'
    url = reverse("labeling-api:operations", args=[image.pk])

    answer = post(client, url, body, **{"If-Match": '"0"'})

    assert answer.status_code == 400
    assert not Annotation.objects.exists()
    assert not OperationLog.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"bbox": [1, 2, 3]},
        {"bbox": [5, 5, 1, 1]},
        {"bbox": [-1, 0, 5, 5]},
        {"bbox": [0, 0, 65, 10]},
        {"bbox": ["a", 0, 1, 1]},
        {"bbox": None},
        {"label_id": 10**30},
        {"label_id": 0},
        {"kind": "polygon"},
        {"id": "7"},
        {"score": 2},
        {"source": "magic"},
        {"attributes": []},
    ],
)
def test_a_shape_that_is_none_is_refused_and_nothing_is_applied(
    client: APIClient, image: Image, scratch: Label, change: dict[str, object]
):
    good = {
        "id": str(uuid.uuid4()),
        "label_id": scratch.pk,
        "kind": "box",
        "bbox": [1, 2, 3, 4],
    }
    bad = {**good, "id": str(uuid.uuid4()), **change}
    operations = [{"op": "put", "annotation": row} for row in (good, bad)]

    answer = client.post(
        reverse("labeling-api:operations", args=[image.pk]),
        {"operations": operations},
        format="json",
        headers={"If-Match": '"0"'},
    )

    assert answer.status_code == 400
    assert not Annotation.objects.exists()
    image.refresh_from_db()
    assert image.revision == 0


@pytest.mark.parametrize("value", ["", "x", '"x"', "²", HUGE, "*", "-1", "1.5"])
def test_an_if_match_that_is_no_revision_is_refused(
    client: APIClient, image: Image, value: str
):
    operations = [{"op": "remove", "id": str(uuid.uuid4())}]

    answer = client.post(
        reverse("labeling-api:operations", args=[image.pk]),
        {"operations": operations},
        format="json",
        headers={"If-Match": value},
    )

    assert answer.status_code == 409
    assert answer.json()["needs"] == "If-Match"


@pytest.mark.parametrize("value", ["²", HUGE, "-1", "x", "%00", "1e5"])
def test_an_odd_number_in_a_query_is_refused_or_finds_nothing(
    client: APIClient, alice: User, workspace: Workspace, value: str
):
    job = JobFactory(workspace=workspace, created_by=alice)
    urls = [
        reverse("labeling-api:project-list") + f"?workspace={value}",
        reverse("labeling-api:project-list") + f"?page_size={value}",
        reverse("jobs-api:job-list") + f"?workspace={value}",
        reverse("jobs-api:event-list", args=[job.pk]) + f"?after={value}",
    ]

    statuses = [client.get(url).status_code for url in urls]

    assert set(statuses) <= {200, 400}


def test_a_nul_in_a_query_is_refused(client: APIClient, project: Project):
    api = client.get(
        reverse("labeling-api:image-list", args=[project.pk]) + "?name=%00"
    )
    page = client.get(reverse("labeling:gallery", args=[project.pk]) + "?name=%00")

    assert api.json() == {
        "detail": "the request could not be read",
        "code": "bad_request",
    }
    assert [api.status_code, page.status_code] == [400, 400]


@pytest.mark.parametrize("text", ["%ED%A0%80", "'", "%25"])
def test_odd_text_in_a_query_finds_nothing(
    client: APIClient, project: Project, image: Image, text: str
):
    urls = [
        reverse("labeling-api:image-list", args=[project.pk]) + f"?name={text}",
        reverse("labeling-api:image-list", args=[project.pk]) + f"?state={text}",
        reverse("jobs-api:job-list") + f"?status={text}",
        reverse("jobs-api:job-list") + f"?kind={text}",
    ]

    answers = [client.get(url) for url in urls]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.json()["results"] for answer in answers] == [[]] * 4


@pytest.mark.parametrize(
    "value",
    ["x", cursor("p=x"), cursor("p=x&o=x"), cursor("o=99999"), cursor("p=%00"), "%00"],
)
def test_a_made_up_cursor_is_refused(client: APIClient, project: Project, value: str):
    urls = [
        reverse("labeling-api:project-list"),
        reverse("jobs-api:job-list"),
        reverse("labeling-api:image-list", args=[project.pk]),
    ]

    answers = [client.get(f"{url}?cursor={value}") for url in urls]

    assert {answer.status_code for answer in answers} <= {200, 400, 404}


@pytest.mark.parametrize("image_ids", [[10**30], [-1], ["x"], [1.5], "all", {"a": 1}])
def test_image_ids_that_are_none_are_refused(
    client: APIClient, project: Project, image: Image, image_ids: object
):
    ModelRevisionFactory(classes=["scratch"])

    answer = client.post(
        reverse("labeling-api:prelabel", args=[project.pk]),
        {"image_ids": image_ids},
        format="json",
    )

    assert answer.status_code == 400


@pytest.mark.parametrize("number", ["0", "999999999", "9" * 40])
@pytest.mark.parametrize(
    "path",
    [
        "accounts/workspaces/{}/members/",
        "labeling/projects/{}/",
        "labeling/images/{}/document/",
        "labeling/images/{}/file/",
    ],
)
def test_an_id_of_nothing_is_not_found(client: APIClient, path: str, number: str):
    answer = client.get(f"/api/v1/{path.format(number)}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("path", ["nothing/", "labeling/projects/x/", "jobs/7/"])
def test_an_unknown_address_of_the_api_is_answered_as_json(
    client: APIClient, path: str
):
    answer = client.get(f"/api/v1/{path}")

    assert answer.status_code == 404
    assert answer.json() == {
        "detail": f"there is no /api/v1/{path}",
        "code": "not_found",
    }


def test_a_method_that_is_not_there_says_so(client: APIClient):
    answer = client.delete(reverse("accounts-api:me"))

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert answer["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("key", ["k" * 300, "ключ", "a\tb"])
def test_an_odd_idempotency_key_is_refused(client: APIClient, key: str):
    num = Workspace.objects.count()

    answer = client.post(
        reverse("accounts-api:workspace-list"),
        {"name": "n"},
        format="json",
        headers={"Idempotency-Key": key},
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_idempotency_key"
    assert Workspace.objects.count() == num


@pytest.mark.parametrize("at", ["\u00b2", HUGE, "-3", "0"])
def test_an_odd_number_in_a_page_starts_from_the_first(
    client: APIClient, image: Image, at: str
):
    url = reverse("labeling:gallery", args=[image.project_id])

    answer = client.get(url, {"at": at})

    assert [row.pk for row in answer.context["images"]] == [image.pk]
