"""Home, projects and the gallery, as a browser without scripts sees them."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.jobs.models import Job
from apps.labeling.models import Image, Label, Project
from apps.labeling.services.images import reopen_images, submit_image, submit_images
from apps.labeling.types import ImageState
from tests.factories.labeling import AnnotationFactory, ImageFactory, PredictionFactory
from tests.factories.marketplace import ModelRevisionFactory

HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def said(answer: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def steps_done(client: Client) -> list[bool]:
    html = client.get(reverse("home:home")).text
    block = html.partition('class="steps"')[2].partition("</ol>")[0]
    return ["data-done" in item for item in re.findall(r"<li([^>]*)>", block)]


def test_the_checklist_ticks_itself(client: Client, alice: User) -> None:
    before = steps_done(client)
    client.post(reverse("labeling:new-project"), {"name": "Line 3", "labels": "dent"})
    project = Project.objects.get(name="Line 3")
    with_project = steps_done(client)
    image = ImageFactory(project=project)
    with_image = steps_done(client)
    submit_image(user=alice, image_id=image.pk)

    assert before == [False, False, False, False, False]
    assert with_project == [True, False, False, False, False]
    assert with_image == [True, True, False, False, False]
    assert steps_done(client) == [True, True, False, True, False]


def test_the_checklist_leaves_when_it_is_complete(
    client: Client, alice: User, project: Project
) -> None:
    image = ImageFactory(project=project, num_predictions=1)
    submit_image(user=alice, image_id=image.pk)

    assert 'class="steps"' not in client.get(reverse("home:home")).text


def test_home_counts_the_images_of_each_day(
    client: Client, alice: User, project: Project
) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    before = client.get(reverse("home:home")).context["pace"]
    ImageFactory(project=project, submitted_at=yesterday)
    ImageFactory.create_batch(2, project=project, submitted_at=timezone.now())
    ImageFactory(submitted_at=timezone.now())

    answer = client.get(reverse("home:home"))

    assert before is None
    assert list(answer.context["pace"].series[0].y) == [0] * 12 + [1, 2]
    assert "<chart-figure" in answer.text


def test_home_tells_who_submitted_how_many(
    client: Client, alice: User, bob: User, project: Project
) -> None:
    for image in ImageFactory.create_batch(3, project=project):
        submit_image(user=bob, image_id=image.pk)

    html = client.get(reverse("home:home")).text

    assert "bob@example.com submitted 3 images of Line 3" in html


def test_a_project_shows_what_is_labeled_class_by_class(
    client: Client, project: Project, scratch: Label
) -> None:
    image = ImageFactory(project=project)
    AnnotationFactory.create_batch(4, image=image, label=scratch)

    html = client.get(reverse("labeling:project", args=[project.pk])).text

    counts = re.findall(r'truncate">(\w+)</span>.*?title="objects">(\d+)<', html)
    assert counts == [("scratch", "4"), ("dent", "0")]


def test_the_gallery_draws_boxes_in_pixels_of_the_original(
    client: Client, project: Project, scratch: Label
) -> None:
    image = ImageFactory(project=project)
    AnnotationFactory(image=image, label=scratch, x1=10, y1=20, x2=110, y2=70.5)
    PredictionFactory(image=image, label=scratch)

    html = client.get(reverse("labeling:gallery", args=[project.pk])).text

    assert 'viewBox="0 0 640 480"' in html
    drawn = re.findall(
        r'<rect class="(\w+)" x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"', html
    )
    assert drawn == [
        ("annotation", "10.0", "20.0", "100.0", "50.5"),
        ("proposal", "12.0", "22.0", "96.0", "47.0"),
    ]


def test_a_submitted_image_shows_no_proposals(
    client: Client, alice: User, project: Project
) -> None:
    image = ImageFactory(project=project)
    PredictionFactory(image=image, label=project.labels.first())
    submit_image(user=alice, image_id=image.pk)

    html = client.get(reverse("labeling:gallery", args=[project.pk])).text

    assert 'class="proposal"' not in html


def test_the_gallery_goes_from_page_to_page_and_keeps_its_filter(
    client: Client, project: Project
) -> None:
    ImageFactory.create_batch(37, project=project)
    url = reverse("labeling:gallery", args=[project.pk])

    first = client.get(url, {"state": "unlabeled"}).text
    second = client.get(url, {"state": "unlabeled", "at": 37}).text
    cards = client.get(url, {"state": "unlabeled", "at": 37}, headers=HTMX).text

    assert first.count('class="image-card"') == 36
    assert 'data-total="37" data-page="36" data-first="0" data-at="0"' in first
    assert 'href="?state=unlabeled&amp;at=37"' in first
    assert second.count('class="image-card"') == 1
    assert 'aria-posinset="37" aria-setsize="37"' in second
    assert 'href="?state=unlabeled&amp;at=1"' in second
    assert cards.count('class="image-card"') == 1
    assert "<html" not in cards


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ({"go": "40"}, 40),
        ({"go": " 40 "}, 40),
        ({"go": "plate-040"}, 40),
        ({"go": "E-04"}, 40),
        ({"go": "0038"}, 38),
        ({"go": "900"}, None),
        ({"go": "0"}, 1),
        ({"go": "zebra"}, None),
        ({"go": "12", "order": "doubt"}, None),
        ({"go": "plate-003", "order": "doubt"}, 2),
        ({"go": "plate-011", "name": "1"}, 3),
        ({"at": "1000"}, 41),
    ],
)
def test_a_number_or_a_name_leads_to_its_place(
    client: Client, project: Project, query: dict[str, str], at: int | None
) -> None:
    for number in range(1, 42):
        name = "plate-0038x.jpg" if number == 38 else f"plate-{number:03}.jpg"
        doubt = {3: 0.5, 7: 0.9}.get(number)
        ImageFactory(project=project, name=name, doubt=doubt)
    url = reverse("labeling:gallery", args=[project.pk])

    answer = client.get(url, query)

    rest = {key: one for key, one in query.items() if key not in {"go", "at"}}
    wanted = {**rest, **({"at": str(at)} if at else {})}
    assert answer.status_code == 302
    assert answer["Location"] == f"{url}?{urlencode(wanted)}"
    if at is None:
        assert "No image in this list has that" in client.get(answer["Location"]).text
        refused = client.get(url, query, headers=HTMX)
        assert refused.status_code == 404
        assert refused.text.startswith("No image in this list has that number or name")


def test_a_filter_that_nothing_matches_offers_the_way_back(
    client: Client, project: Project
) -> None:
    ImageFactory(project=project, name="a.jpg")
    url = reverse("labeling:gallery", args=[project.pk])

    html = client.get(url, {"name": "zebra"}).text

    assert "No image matches" in html
    assert f'<a class="button" href="{url}">' in html


def test_chosen_images_are_submitted_together_and_the_filter_stays(
    client: Client, project: Project
) -> None:
    first, second, other = ImageFactory.create_batch(3, project=project)
    url = reverse("labeling:act", args=[project.pk])

    answer = client.post(
        url,
        {
            "action": "submit",
            "image": [first.pk, second.pk],
            "query": "state=unlabeled",
        },
    )

    gallery = reverse("labeling:gallery", args=[project.pk])
    assert answer.url == f"{gallery}?state=unlabeled"
    assert said(answer) == ["2 images changed."]
    submitted = Image.objects.filter(state=ImageState.SUBMITTED)
    assert set(submitted) == {first, second}
    assert Image.objects.get(pk=other.pk).state == ImageState.UNLABELED


def test_many_images_cost_no_more_than_two(
    alice: User, project: Project, django_assert_num_queries: Any
) -> None:
    few, many = (ImageFactory.create_batch(num, project=project) for num in (2, 20))
    with CaptureQueriesContext(connection) as asked:
        submit_images(
            user=alice, project_id=project.pk, image_ids=[one.pk for one in few]
        )

    with django_assert_num_queries(len(asked)):
        submit_images(
            user=alice, project_id=project.pk, image_ids=[one.pk for one in many]
        )
    reopened = reopen_images(
        user=alice, project_id=project.pk, image_ids=[one.pk for one in many]
    )

    assert len(reopened) == 20
    assert Image.objects.filter(state=ImageState.SUBMITTED).count() == 2


def test_images_of_another_project_are_out_of_reach(
    client: Client, project: Project
) -> None:
    foreign = ImageFactory()

    answer = client.post(
        reverse("labeling:act", args=[project.pk]),
        {"action": "delete", "image": [foreign.pk]},
    )

    assert said(answer) == ["0 images changed."]
    assert Image.objects.filter(pk=foreign.pk).exists()


def test_an_annotator_deletes_nothing(bob: User, project: Project) -> None:
    image = ImageFactory(project=project)
    client = Client()
    client.force_login(bob)

    answer = client.post(
        reverse("labeling:act", args=[project.pk]),
        {"action": "delete", "image": [image.pk]},
    )

    assert answer.status_code == 403
    assert Image.objects.filter(pk=image.pk).exists()


def test_a_label_named_twice_is_refused_in_words_on_the_same_page(
    client: Client, project: Project
) -> None:
    answer = client.post(
        reverse("labeling:add-label", args=[project.pk]), {"name": "Scratch"}
    )

    assert answer.url == reverse("labeling:settings", args=[project.pk])
    assert said(answer) == ["another label of this project has the name 'Scratch'"]
    assert list(project.labels.values_list("name", flat=True)) == ["scratch", "dent"]


def test_a_label_gets_another_name_colour_and_key(
    client: Client, project: Project, scratch: Label
) -> None:
    client.post(
        reverse("labeling:update-label", args=[project.pk, scratch.pk]),
        {"name": "crack", "color": "#112233", "hotkey": "c"},
    )

    scratch.refresh_from_db()
    assert (scratch.name, scratch.color, scratch.hotkey) == ("crack", "#112233", "c")


def test_a_pre_label_without_images_says_why_and_queues_nothing(
    client: Client, project: Project
) -> None:
    ModelRevisionFactory(classes=["scratch"])

    answer = client.post(reverse("labeling:prelabel", args=[project.pk]))

    assert answer.url == reverse("labeling:project", args=[project.pk])
    assert said(answer) == ["every image is submitted: upload more, or reopen some"]
    assert not Job.objects.exists()


def test_viewers_are_offered_no_button_that_would_refuse_them(
    vera: User, project: Project
) -> None:
    ImageFactory(project=project)
    client = Client()
    client.force_login(vera)

    html = client.get(reverse("labeling:project", args=[project.pk])).text

    assert 'id="prelabel"' not in html
    assert "data-upload" not in html
    assert reverse("labeling:settings", args=[project.pk]) not in html
