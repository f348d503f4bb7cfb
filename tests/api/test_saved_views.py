"""Images are found by what is on them, and a choice of them is kept under a name."""

import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.labeling.models import (
    Annotation,
    Image,
    Label,
    Project,
    Remark,
    SavedView,
)
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    PredictionFactory,
    SavedViewFactory,
)

As = Callable[[User], APIClient]


@pytest.fixture
def found(api_as: As, alice: User, project: Project) -> Callable[..., list[int]]:
    url = reverse("labeling-api:image-list", args=[project.pk])

    def ask(**query: object) -> list[int]:
        rows = api_as(alice).get(url, query).json()["results"]
        return [row["id"] for row in rows]

    return ask


def test_images_are_found_by_what_is_drawn_or_proposed_on_them(
    found: Callable[..., list[int]], project: Project, scratch: Label
) -> None:
    other = LabelFactory(project=project)
    drawn, proposed, sure, bare = ImageFactory.create_batch(4, project=project)
    AnnotationFactory(image=drawn, label=scratch)
    PredictionFactory(image=proposed, label=scratch, score=0.4)
    PredictionFactory(image=sure, label=other, score=0.95)
    Image.objects.filter(pk=bare.pk).update(split="val")

    assert found(label=scratch.pk) == [drawn.pk, proposed.pk]
    assert found(min_score=0.3, max_score=0.6) == [proposed.pk]
    assert found(label=scratch.pk, min_score=0.9) == []
    assert found(label=other.pk, min_score=0.9) == [sure.pk]
    assert found(split="val") == [bare.pk]


def test_images_are_found_by_what_is_written_on_them(
    found: Callable[..., list[int]], alice: User, project: Project, scratch: Label
) -> None:
    told, chosen, remarked, other = ImageFactory.create_batch(4, project=project)
    words = {"note": 'Left edge,\n100 % "worn"', "depth": 12, "is_old": True}
    row = AnnotationFactory(image=told, label=scratch, attributes=words)
    AnnotationFactory(image=chosen, label=scratch, attributes={"colour": "深红"})
    remark = Remark.objects.create(
        image=remarked, author=alice, text="裂纹 an der Äsche"
    )
    AnnotationFactory(image=other, label=scratch)

    assert found(text="LEFT  ed") == [told.pk]
    assert found(text="100 %") == found(text='"worn') == [told.pk]
    assert found(text="note") == found(text="12") == found(text="true") == []
    assert found(text="深") == [chosen.pk]
    assert found(text="裂纹 AN DER ä") == [remarked.pk]

    Annotation.objects.filter(pk=row.pk).update(attributes={"note": "Right"}, x2=99)
    remark.delete()
    chosen.annotations.all().delete()

    assert found(text="right") == [told.pk]
    assert found(text="left") == found(text="裂纹") == found(text="深红") == []


def test_an_image_with_a_label_drawn_and_proposed_is_counted_once(
    api_as: As, alice: User, project: Project, scratch: Label
) -> None:
    drawn, proposed, both, _bare = ImageFactory.create_batch(4, project=project)
    for image in (drawn, both):
        AnnotationFactory.create_batch(2, image=image, label=scratch)
    for image in (proposed, both):
        PredictionFactory(image=image, label=scratch, score=0.4)
    url = reverse("labeling:gallery", args=[project.pk])

    pages = [
        api_as(alice).get(url, query).text
        for query in (
            {"label": scratch.pk},
            {"label": scratch.pk, "min_score": "0.3"},
            {"label": scratch.pk, "state": "submitted"},
        )
    ]

    totals = [re.findall(r'data-total="(\d+)"', page) for page in pages]
    assert totals == [["3"], ["2"], []]


def doubtful(project: Project, *doubts: float | None) -> list[Image]:
    images = ImageFactory.create_batch(len(doubts), project=project)
    for image, doubt in zip(images, doubts, strict=True):
        Image.objects.filter(pk=image.pk).update(doubt=doubt)
    return images


def test_the_least_sure_come_first_page_by_page(
    api_as: As, alice: User, project: Project
) -> None:
    low, _unseen, high, same, mid = doubtful(project, 0.1, None, 0.9, 0.9, 0.5)
    url = reverse("labeling-api:image-list", args=[project.pk])
    client, rows = api_as(alice), []
    answer = client.get(url, {"order": "doubt", "page_size": 2}).json()
    while True:
        rows += [row["id"] for row in answer["results"]]
        if not answer["next"]:
            break
        answer = client.get(answer["next"]).json()

    assert rows == [high.pk, same.pk, mid.pk, low.pk]


def test_the_gallery_goes_on_where_a_page_of_the_least_sure_ended(
    client: Client, alice: User, project: Project
) -> None:
    images = doubtful(project, 0.25, *[0.75] * 36)
    client.force_login(alice)
    url = reverse("labeling:gallery", args=[project.pk])

    first = client.get(url, {"order": "doubt"})
    second = client.get(url, {"order": "doubt", "at": first.context["later"]})

    assert [row.pk for row in first.context["images"]] == [one.pk for one in images[1:]]
    assert [row.pk for row in second.context["images"]] == [images[0].pk]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"min_score": "2"}, "min_score must be in [0, 1], got '2'"),
        ({"min_score": "0.9", "max_score": "0.1"}, "swap them"),
        ({"max_score": "nan"}, "max_score must be in [0, 1]"),
        ({"order": "name"}, "order must be one of doubt, got 'name'"),
        ({"split": "all"}, "split must be one of test, train, val"),
        ({"label": "car"}, "label must be a whole number"),
        ({"review": "maybe"}, "review must be one of"),
        ({"text": " a "}, "give two, or a Chinese character"),
        ({"text": "x" * 101}, "text has at most 100 letters, got 101: shorten it"),
    ],
)
def test_a_filter_that_there_is_not_is_named(
    api_as: As, client: Client, alice: User, project: Project, image: Image,
    query: dict[str, str], reason: str,
) -> None:  # fmt: skip
    client.force_login(alice)

    refused = api_as(alice).get(
        reverse("labeling-api:image-list", args=[project.pk]), query
    )
    page = client.get(reverse("labeling:gallery", args=[project.pk]), query)

    assert refused.status_code == 400
    assert reason in refused.json()["detail"]
    assert [reason in str(one) for one in page.context["messages"]] == [True]
    assert page.context["images"] == [image]


def test_a_view_keeps_its_text_and_is_not_longer_than_its_column(
    api_as: As, alice: User, project: Project
) -> None:
    ask = api_as(alice)
    url = reverse("labeling-api:saved-view-list", args=[project.pk])
    body = {"name": "Cracks", "query": urlencode({"text": " 裂纹  A "})}

    made = ask.post(url, body, format="json")
    long = ask.post(
        url, {**body, "query": urlencode({"name": "裂" * 120})}, format="json"
    )

    assert made.json()["query"] == urlencode({"text": "裂纹 A"})
    assert long.status_code == 400
    assert "shorten the name or text" in long.json()["detail"]


def test_a_view_is_saved_found_again_and_replaced(
    api_as: As, alice: User, project: Project
) -> None:
    client, url = (
        api_as(alice),
        reverse("labeling-api:saved-view-list", args=[project.pk]),
    )
    body = {
        "name": " To look at ",
        "query": "order=doubt&state=submitted&after=9&page=2",
    }

    made = client.post(url, body, format="json").json()
    client.post(url, {"name": "To look at", "query": "split=val"}, format="json")

    assert made["name"] == "To look at"
    assert made["query"] == "state=submitted&order=doubt"
    (row,) = client.get(url).json()
    assert (row["id"], row["query"]) == (made["id"], "split=val")


def test_others_see_what_is_shared_alone(
    api_as: As, alice: User, bob: User, project: Project
) -> None:
    shared = SavedViewFactory(project=project, owner=alice, is_shared=True)
    SavedViewFactory(project=project, owner=alice)
    mine = SavedViewFactory(project=project, owner=bob)
    url = reverse("labeling-api:saved-view-list", args=[project.pk])
    body = {"name": "for all", "query": "state=submitted", "is_shared": True}

    seen = {row["id"] for row in api_as(bob).get(url).json()}
    refused = api_as(bob).post(url, body, format="json")
    gone = [
        api_as(bob).delete(f"{url}{view.pk}/").status_code for view in (shared, mine)
    ]

    assert seen == {shared.pk, mine.pk}
    assert refused.json()["code"] == "role_too_low"
    assert gone == [403, 204]
    assert SavedView.objects.count() == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": " ", "query": "state=submitted"}, "invalid"),
        ({"name": "x" * 61, "query": "state=submitted"}, "bad_view"),
        ({"name": "all", "query": "after=7"}, "bad_view"),
        ({"name": "odd", "query": "min_score=7"}, "bad_query"),
    ],
)
def test_a_view_that_is_none_is_refused(
    api_as: As, alice: User, project: Project, body: dict[str, str], code: str
) -> None:
    url = reverse("labeling-api:saved-view-list", args=[project.pk])

    answer = api_as(alice).post(url, body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not SavedView.objects.exists()


def test_fifty_views_are_enough(api_as: As, alice: User, project: Project) -> None:
    SavedViewFactory.create_batch(50, project=project, owner=alice)
    url = reverse("labeling-api:saved-view-list", args=[project.pk])

    answer = api_as(alice).post(
        url, {"name": "one", "query": "split=val"}, format="json"
    )

    assert "delete one first" in answer.json()["detail"]


def test_a_view_is_kept_and_deleted_on_the_page(
    client: Client, alice: User, project: Project, image: Image
) -> None:
    client.force_login(alice)
    page = reverse("labeling:gallery", args=[project.pk])
    act = reverse("labeling:act-on-views", args=[project.pk])

    saved = client.post(
        act, {"action": "save", "name": "Open ones", "query": "state=unlabeled"}
    )
    shown = client.get(page, {"state": "unlabeled"}).text
    view = SavedView.objects.get()
    client.post(act, {"action": "delete", "view": view.pk, "query": "state=unlabeled"})

    assert saved.url == f"{page}?state=unlabeled"
    assert 'href="?state=unlabeled" aria-current="true"' in shown
    assert "Delete the view Open ones" in shown
    assert not SavedView.objects.exists()


def test_the_dialog_offers_labels_and_to_reviewers_people(
    client: Client,
    alice: User,
    bob: User,
    project: Project,
    scratch: Label,
    image: Image,
) -> None:
    page = reverse("labeling:gallery", args=[project.pk])
    query = {"filters": 1, "label": scratch.pk, "state": "unlabeled"}
    htmx = {"HX-Request": "true"}

    client.force_login(alice)
    hers = client.get(page, query, headers=htmx).text
    client.force_login(bob)
    his = client.get(page, query, headers=htmx).text
    shown = client.get(page, {"label": scratch.pk, "order": "doubt"}).text

    assert f'<option value="{scratch.pk}" selected>scratch' in hers
    assert f'<option value="{bob.pk}"' in hers
    assert 'name="state" value="unlabeled"' in hers
    assert "Whose turn" not in his
    assert "label scratch" in shown
