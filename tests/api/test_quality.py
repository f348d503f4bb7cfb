"""Overlap, consensus and tests through the API and on the pages."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.labeling.models import Image, Label
from tests.factories.accounts import UserFactory

BASE = "/api/v1/labeling"
As = Callable[[User], APIClient]


@pytest.fixture
def ann(workspace: Workspace) -> User:
    user = UserFactory(email="ann@example.com")
    Membership.objects.create(workspace=workspace, user=user, role=Role.ANNOTATOR)
    return user


def post(client: APIClient, path: str, body: Any = None, **headers: Any) -> Any:
    answer = client.post(f"{BASE}/{path}", body or {}, format="json", headers=headers)
    assert answer.status_code == 200, answer.content
    return answer.json()


def label(client: APIClient, project_id: int, *xs: int) -> int:
    """Take the next image, draw boxes on it, submit it."""
    page = client.get(reverse("labeling:next-image", args=[project_id]))
    document_id = int(page.url.rstrip("/").rpartition("/")[2])
    operations = [
        {
            "op": "put",
            "annotation": {
                "id": f"00000000-0000-4000-8000-{document_id:06}{x:06}",
                "label_id": Label.objects.get(name="dent").pk,
                "kind": "box",
                "bbox": [x, 0, x + 10, 10],
            },
        }
        for x in xs
    ]
    post(
        client,
        f"images/{document_id}/operations/",
        {"operations": operations},
        If_Match='"0"',
    )
    post(client, f"images/{document_id}/submit/")
    return document_id


@pytest.fixture
def shared(api_as: As, alice: User, bob: User, ann: User, image: Image) -> Image:
    """An image that Bob and Ann have labeled, each apart."""
    path = f"projects/{image.project_id}/overlap/"
    body = {"image_ids": [image.pk], "num_people": 2}
    assert post(api_as(alice), path, body) == {"image_ids": [image.pk]}
    label(api_as(bob), image.project_id, 0, 30)
    label(api_as(ann), image.project_id, 0)
    return image


def test_quality_tells_agreement_and_everybodys_card(
    api_as: As, alice: User, shared: Image
):
    answer = api_as(alice).get(f"{BASE}/projects/{shared.project_id}/quality/").json()

    assert answer["f1"]["value"] == pytest.approx(2 / 3)
    assert (answer["num_shared"], answer["num_ready"]) == (1, 1)
    assert [(row["user"], row["num_changes"]) for row in answer["cards"]] == [
        ("bob@example.com", 2),
        ("ann@example.com", 1),
    ]


def test_a_merge_is_made_and_taken_back(api_as: As, alice: User, shared: Image):
    client = api_as(alice)
    (merge,) = post(client, f"projects/{shared.project_id}/merge/")

    assert (merge["num_people"], merge["num_disputed"]) == (2, 1)
    assert shared.annotations.count() == 1
    post(client, f"images/{shared.pk}/undo-merge/")
    assert not shared.annotations.exists()


def test_a_persons_copy_is_nobody_elses(
    api_as: As, bob: User, ann: User, shared: Image
):
    bobs = Image.documents.get(copy_of=shared, assignee=bob)

    for path in ("", "document/", "shown/", "history/"):
        answer = api_as(ann).get(f"{BASE}/images/{bobs.pk}/{path}")
        assert answer.status_code == 404
    operation = {"op": "remove", "id": "00000000-0000-4000-8000-000000000000"}
    refused = api_as(ann).post(
        f"{BASE}/images/{bobs.pk}/operations/",
        {"operations": [operation]},
        format="json",
        headers={"If-Match": '"1"'},
    )
    assert refused.status_code == 404
    bobs.refresh_from_db()
    assert bobs.revision == 1


def test_either_images_or_a_number_is_asked_for(api_as: As, alice: User, image: Image):
    answer = api_as(alice).post(
        f"{BASE}/projects/{image.project_id}/overlap/", {"num_people": 2}, format="json"
    )

    assert answer.status_code == 400
    assert "image_ids" in answer.json()["fields"]


def test_the_page_leads_with_what_to_do_and_does_it(
    client: Client, alice: User, shared: Image
):
    client.force_login(alice)
    page = reverse("labeling:quality", args=[shared.project_id])
    act = reverse("labeling:act-on-quality", args=[shared.project_id])
    assert "waits to be merged" in client.get(page).content.decode()

    told = client.post(act, {"action": "merge"}, follow=True).content.decode()

    assert "1 image merged." in told
    assert "objects without a majority" in told
    compared = client.get(reverse("labeling:compare", args=[shared.pk]))
    assert "Take the merge back" in compared.content.decode()
    client.post(act, {"action": "undo", "image": shared.pk})
    assert not shared.annotations.exists()


def test_the_page_of_an_empty_project_says_how_to_begin(
    client: Client, alice: User, image: Image
):
    client.force_login(alice)
    act = reverse("labeling:act-on-quality", args=[image.project_id])
    page = reverse("labeling:quality", args=[image.project_id])
    assert "have a sample labeled by two people" in client.get(page).content.decode()

    body = {"action": "overlap", "num_images": 5, "num_people": 2}
    told = client.post(act, body, follow=True).content.decode()
    client.post(act, {"action": "honeypots", "honeypot_percent": 10})

    assert "1 image is to be labeled by several people." in told
    image.refresh_from_db()
    assert (image.num_people, image.project.honeypot_percent) == (2, 10)
    refused = client.post(
        act, {"action": "honeypots", "honeypot_percent": 90}, follow=True
    )
    assert "At most half" in refused.content.decode()


def test_an_annotator_who_opens_a_shared_image_gets_her_copy(
    client: Client, ann: User, vera: User, shared: Image
):
    editor = reverse("labeling:editor", args=[shared.pk])
    client.force_login(ann)
    copy = Image.documents.get(copy_of=shared, assignee=ann)

    assert client.get(editor).url == reverse("labeling:editor", args=[copy.pk])

    gallery = reverse("labeling:gallery", args=[shared.project_id])
    assert shared.name not in client.get(gallery).content.decode()
    client.force_login(vera)
    assert client.get(editor).status_code == 404


def test_images_become_tests_in_the_gallery(
    client: Client, alice: User, image: Image, jpeg: Callable[..., io.BytesIO]
):
    client.force_login(alice)
    url = reverse("labeling:act", args=[image.project_id])
    for action in ("truth", "submit", "truth"):
        client.post(url, {"action": action, "image": image.pk})

    image.refresh_from_db()
    assert image.is_truth


def test_the_tabs_are_the_same_on_every_page_of_a_project(
    client: Client, alice: User, image: Image
):
    client.force_login(alice)
    pages = [
        reverse(f"labeling:{name}", args=[image.project_id])
        for name in (
            "project", "gallery", "wall", "allocation", "quality", "versions", "data",
            "settings",
        )
    ]  # fmt: skip

    for page in pages:
        shown = client.get(page).content.decode()
        assert [one for one in pages if f'<a href="{one}"' not in shown] == [], page
