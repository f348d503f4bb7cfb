"""Dataset versions through the API, the pages and the client's eyes."""

import json
from collections.abc import Callable

from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.labeling.models import Image, Label, Project
from tests.factories.labeling import AnnotationFactory

ApiAs = Callable[[User], APIClient]


def make(client: APIClient, project: Project, **body: object):
    url = reverse("labeling-api:version-list", args=[project.pk])
    return client.post(url, {"only_submitted": False, **body}, format="json")


def test_make_change_compare_restore(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    AnnotationFactory.create_batch(2, image=image, label=scratch)
    first = make(client, project, note="clean").json()
    image.annotations.all().delete()
    second = make(client, project).json()

    url = reverse("labeling-api:version-difference", args=[second["id"]])
    found = client.get(url).json()
    done = client.post(
        reverse("labeling-api:restore-version", args=[first["id"]])
    ).json()

    assert (first["number"], first["note"], first["num_annotations"]) == (1, "clean", 2)
    assert found["images"] == {"added": 0, "removed": 0, "changed": 1}
    assert found["classes"] == [
        {"label": "scratch", "added": 0, "removed": 2, "changed": 0}
    ]
    assert done == {"before_id": second["id"], "num_changed": 1, "num_added": 0}
    assert image.annotations.count() == 2


def test_the_export_names_the_split_of_each_image(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    client = api_as(alice)
    Image.objects.filter(pk=image.pk).update(split="val")
    made = make(client, project).json()

    answer = client.get(reverse("labeling-api:version-export", args=[made["id"]]))

    content = json.loads(answer.getvalue())
    assert [(row["file_name"], row["split"]) for row in content["images"]] == [
        ("a.jpg", "val")
    ]


def test_shares_beyond_the_whole_are_refused_in_words(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    answer = make(api_as(alice), project, train=90, val=20)

    assert answer.status_code == 400
    assert "at most 100 together" in answer.json()["fields"]["val"][0]


def test_versions_of_two_projects_are_not_compared(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    client = api_as(alice)
    made = make(client, project).json()
    url = reverse("labeling-api:version-difference", args=[made["id"]])

    answers = [client.get(url), client.get(url, {"since": made["id"] + 1})]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_the_page_of_a_version_draws_what_came_and_went(
    alice: User, client: Client, project: Project, scratch: Label, image: Image
) -> None:
    client.force_login(alice)
    url = reverse("labeling:versions", args=[project.pk])
    form = {"train": 80, "val": 10, "include_all": "on"}
    AnnotationFactory(image=image, label=scratch, x1=1, y1=2, x2=3, y2=4)
    client.post(url, {**form, "note": "one"})
    image.annotations.all().delete()
    AnnotationFactory(image=image, label=scratch, x1=5, y1=6, x2=9, y2=9)
    client.post(url, {**form, "note": "two"})

    timeline = client.get(url).text
    newest = project.versions.first()
    assert newest is not None
    html = client.get(reverse("labeling:version", args=[newest.pk])).text

    assert timeline.index("two") < timeline.index("one")
    assert '<rect class="gone" x="1.0" y="2.0"' in html
    assert '<rect class="came" x="5.0" y="6.0"' in html
