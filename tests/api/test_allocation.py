"""Allocation through the API and on the pages."""

from collections.abc import Callable

from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.labeling.models import AllocationRule, Image

BASE = "/api/v1/labeling"
As = Callable[[User], APIClient]


def test_the_next_image_is_taken_and_workload_told(
    api_as: As, alice: User, bob: User, image: Image
):
    path = f"{BASE}/projects/{image.project_id}"
    assert api_as(bob).post(f"{path}/next/").json() == {"image_id": image.pk}

    assert api_as(alice).post(f"{path}/next/").json() == {"image_id": None}
    rows = api_as(alice).get(f"{path}/workload/").json()
    assert {row["user"]: row["num_open"] for row in rows} == {
        "alice@example.com": 0,
        "bob@example.com": 1,
    }
    mine = api_as(alice).get(f"{path}/images/?assignee={bob.pk}").json()
    assert [row["id"] for row in mine["results"]] == [image.pk]


def test_rules_are_kept_listed_and_forgotten(
    api_as: As, alice: User, bob: User, image: Image
):
    client, path = api_as(alice), f"{BASE}/projects/{image.project_id}/rules/"
    body = {"people": [bob.pk], "due_in_days": 3}

    made = client.post(path, body, format="json").json()

    assert client.get(path).json() == [made]
    assert made["people"] == ["bob@example.com"]
    image.refresh_from_db()
    assert image.assignee == bob
    assert client.post(f"{path}apply/").json() == {"num_images": 0}
    assert client.delete(f"{path}{made['id']}/").status_code == 204
    assert client.delete(f"{path}{made['id']}/").status_code == 404


def test_a_manager_allocates_on_the_pages(
    client: Client, alice: User, bob: User, image: Image
):
    client.force_login(alice)
    page = reverse("labeling:allocation", args=[image.project_id])
    act = reverse("labeling:act-on-allocation", args=[image.project_id])
    assert "No rule yet" in client.get(page).content.decode()

    client.post(act, {"action": "add", "people": [bob.pk], "min_score": "0.5"})
    rule = AllocationRule.objects.get()
    assert "score 0.5 to 1" in client.get(page).content.decode()
    refused = client.post(act, {"action": "add"}, follow=True).content.decode()
    assert "Choose whom the images are for" in refused
    client.post(act, {"action": "delete", "rule": rule.pk})

    assert not AllocationRule.objects.exists()


def test_images_are_assigned_in_the_gallery(
    client: Client, alice: User, bob: User, image: Image
):
    client.force_login(alice)
    act = reverse("labeling:act", args=[image.project_id])
    body = {
        "action": "assign", "image": image.pk, "assignee": bob.pk, "due_on": "2020-01-02",
    }  # fmt: skip
    client.post(act, body)

    image.refresh_from_db()
    assert image.assignee == bob
    page = client.get(reverse("labeling:allocation", args=[image.project_id]))
    assert "1 image is overdue." in page.content.decode()
    client.post(act, {**body, "due_on": "never"})
    image.refresh_from_db()
    assert image.due_at is not None
