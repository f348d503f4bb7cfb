"""Reviewers accept what was submitted or send it back with a reason."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.labeling.models import Image, Remark
from apps.labeling.services import reviewing
from apps.labeling.services.images import submit_image
from apps.labeling.types import ImageState, Review
from tests.factories.accounts import UserFactory
from tests.factories.labeling import ImageFactory, LabelFactory

BASE = "/api/v1/labeling"
As = Callable[[User], APIClient]


@pytest.fixture
def rita(workspace: Workspace) -> User:
    user = UserFactory(email="rita@example.com")
    Membership.objects.create(workspace=workspace, user=user, role=Role.REVIEWER)
    return user


@pytest.fixture
def submitted(image: Image, bob: User) -> Image:
    return submit_image(user=bob, image_id=image.pk)


def send_back(client: APIClient, image: Image, text: str = "Tighter.") -> int:
    body = {"text": text, "pin": [3, 4]}
    answer = client.post(f"{BASE}/images/{image.pk}/send-back/", body, format="json")
    return int(answer.status_code)


def test_what_is_submitted_is_accepted_and_the_rest_left(
    api_as: As, rita: User, submitted: Image
):
    url = f"{BASE}/projects/{submitted.project_id}/accept/"
    answer = api_as(rita).post(url, {"image_ids": [submitted.pk, 9]}, format="json")

    assert answer.json() == {"accepted": [submitted.pk], "next_id": None}
    submitted.refresh_from_db()
    assert (submitted.state, submitted.review) == (
        ImageState.SUBMITTED,
        Review.ACCEPTED,
    )


def test_an_annotator_judges_nobody(api_as: As, bob: User, submitted: Image):
    url = f"{BASE}/projects/{submitted.project_id}/accept/"
    accepted = api_as(bob).post(url, {"image_ids": [submitted.pk]}, format="json")

    assert accepted.status_code == 403
    assert send_back(api_as(bob), submitted) == 403
    assert not Remark.objects.exists()


def test_what_is_sent_back_comes_first_to_whoever_submitted_it(
    api_as: As, rita: User, bob: User, alice: User, submitted: Image
):
    other = ImageFactory(project=submitted.project)
    assert send_back(api_as(rita), submitted) == 200

    submitted.refresh_from_db()
    assert (submitted.state, submitted.review) == (
        ImageState.IN_PROGRESS,
        Review.SENT_BACK,
    )
    last = submit_image(user=bob, image_id=ImageFactory(project=submitted.project).pk)
    nexts = {
        user.email: api_as(user)
        .post(f"{BASE}/images/{last.pk}/submit/", format="json")
        .json()["next_id"]
        for user in (bob, alice)
    }
    assert nexts["bob@example.com"] == submitted.pk
    assert nexts["alice@example.com"] in {submitted.pk, other.pk}


def test_what_is_not_submitted_cannot_be_sent_back(
    api_as: As, rita: User, image: Image
):
    assert send_back(api_as(rita), image) == 409
    assert not Remark.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"text": "  "},
        {"text": "x" * 1001},
        {"text": "Here.", "pin": [-1, 0]},
        {"text": "Here.", "pin": [1]},
        {"text": "Here.", "pin": [1e9, 0]},
    ],
)
def test_a_remark_says_something_about_a_place_on_the_image(
    api_as: As, bob: User, image: Image, body: dict[str, object]
):
    url = f"{BASE}/images/{image.pk}/remarks/"

    assert api_as(bob).post(url, body, format="json").status_code == 400
    assert not Remark.objects.exists()


def test_remarks_are_read_settled_and_stay(api_as: As, bob: User, image: Image):
    client, url = api_as(bob), f"{BASE}/images/{image.pk}/remarks/"
    first = client.post(url, {"text": "Is this one?", "pin": [3, 4]}, format="json")
    client.post(url, {"text": "Another."}, format="json")

    settled = client.post(f"{url}{first.json()['id']}/settle/", format="json")

    assert settled.json()["settled_at"]
    rows = client.get(url).json()
    assert [(row["text"], row["pin"]) for row in rows] == [
        ("Another.", None),
        ("Is this one?", [3.0, 4.0]),
    ]


@pytest.mark.parametrize("again", ["change", "submit"])
def test_a_change_or_a_new_submission_opens_a_review_anew(
    api_as: As, rita: User, bob: User, submitted: Image, again: str
):
    reviewing.accept_images(
        user=rita, project_id=submitted.project_id, image_ids=[submitted.pk]
    )
    url = f"{BASE}/images/{submitted.pk}/"
    if again == "submit":
        api_as(bob).post(f"{url}submit/", format="json")
    else:
        shape = {
            "id": "7d1b2f0c-6a0e-4f57-9f0e-0a4c2c9b1d11", "kind": "box",
            "label_id": LabelFactory(project=submitted.project).pk, "bbox": [1, 2, 30, 40],
        }  # fmt: skip
        body = {"operations": [{"op": "put", "annotation": shape}]}
        headers = {"If-Match": '"0"'}
        answer = api_as(bob).post(
            f"{url}operations/", body, format="json", headers=headers
        )
        assert answer.status_code == 200

    submitted.refresh_from_db()
    assert (submitted.state, submitted.review) == (ImageState.SUBMITTED, Review.OPEN)


def test_images_are_listed_by_their_review(api_as: As, bob: User, submitted: Image):
    url = f"{BASE}/projects/{submitted.project_id}/images/"

    waiting = api_as(bob).get(f"{url}?review=to_review").json()["results"]
    assert [(row["id"], row["review"]) for row in waiting] == [(submitted.pk, "")]
    assert api_as(bob).get(f"{url}?review=accepted").json()["results"] == []
    assert api_as(bob).get(f"{url}?review=maybe").status_code == 400


def test_the_gallery_accepts_what_is_chosen(
    client: APIClient, rita: User, submitted: Image
):
    client.force_login(rita)
    url = f"/labeling/projects/{submitted.project_id}/images/"

    client.post(f"{url}act/", {"action": "accept", "image": [submitted.pk]})

    submitted.refresh_from_db()
    assert submitted.review == Review.ACCEPTED
    shown = client.get(f"{url}?review=accepted").content.decode()
    assert submitted.name in shown
