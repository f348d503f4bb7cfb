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


def test_versions_are_merged_after_a_look(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    base = make(client, project).json()
    AnnotationFactory(image=image, label=scratch)
    theirs = make(client, project).json()
    client.post(reverse("labeling-api:restore-version", args=[base["id"]]))
    AnnotationFactory(image=image, label=scratch, x2=300)
    ours = make(client, project).json()
    url = reverse("labeling-api:merge-version", args=[ours["id"]])

    told = client.get(url, {"other_id": theirs["id"]}).json()
    body = {"other_id": theirs["id"], "rule": "union", "note": "both"}
    answers = [client.post(url, body, format="json") for _ in range(2)]

    assert told["ancestor_id"] == base["id"]
    assert {kind: num for kind, num in told["images"].items() if num} == {"conflict": 1}
    assert told["conflicts"] == [
        {
            "name": "a.jpg",
            "difference": "changed",
            "added": 1,
            "removed": 1,
            "changed": 0,
        }
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    made, again = (answer.json() for answer in answers)
    assert made == again
    assert (made["parent_id"], made["merged_id"]) == (ours["id"], theirs["id"])
    assert (made["ancestor_id"], made["merge_rule"]) == (base["id"], "union")
    assert (made["num_annotations"], made["num_conflicts"], made["note"]) == (
        2, 1, "both",
    )  # fmt: skip
    assert image.annotations.count() == 1


def test_a_merge_that_cannot_be_is_refused_in_words(
    alice: User, vera: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    client = api_as(alice)
    made = make(client, project).json()
    url = reverse("labeling-api:merge-version", args=[made["id"]])

    def post(client: APIClient, **body: object) -> tuple[int, str]:
        answer = client.post(url, body, format="json")
        return answer.status_code, json.dumps(answer.json())

    same = post(client, other_id=made["id"])
    missing = post(client, other_id=made["id"] + 1)
    no_rule = post(client, other_id=made["id"], rule="luck")
    too_low = post(api_as(vera), other_id=made["id"])

    assert same[0] == 400
    assert "version 1 cannot be merged with itself: choose two" in same[1]
    assert missing[0] == 404
    assert "choose two that the project's versions list" in missing[1]
    assert no_rule[0] == 400
    assert too_low[0] == 403
    assert project.versions.count() == 1


def test_the_merge_page_shows_what_it_would_do_and_does_it(
    alice: User,
    vera: User,
    client: Client,
    project: Project,
    scratch: Label,
    image: Image,
) -> None:
    client.force_login(alice)
    pages = reverse("labeling:versions", args=[project.pk])
    form = {"train": 80, "val": 10, "include_all": "on"}
    url = reverse("labeling:merge-versions", args=[project.pk])
    empty = client.get(url).text
    client.post(pages, form)
    first = project.versions.get()
    AnnotationFactory(image=image, label=scratch, x1=1, y1=2, x2=3, y2=4)
    client.post(pages, form)
    client.post(reverse("labeling:restore-version", args=[first.pk]))
    AnnotationFactory(image=image, label=scratch, x1=5, y1=6, x2=9, y2=9)
    client.post(pages, form)
    ours, theirs = project.versions.all()[:2]
    pair = {"ours": ours.pk, "theirs": theirs.pk}

    shown = client.get(url, pair).text
    refused = client.get(url, {**pair, "theirs": ours.pk}).text
    absent = client.get(url, {**pair, "theirs": ours.pk + 99}).text
    unsound = client.post(url, {**pair, "rule": "luck"})
    known = client.post(url, {**pair, "rule": "theirs"}, follow=True)
    done = client.post(url, {**pair, "rule": "union", "note": "both"}, follow=True)
    timeline = client.get(pages).text
    client.force_login(vera)
    seen = client.get(url, pair).text

    assert "It takes two versions" in empty
    assert "Merge version 2 into version 3" in shown
    assert "Both came of version 1" in shown
    assert '<rect class="gone" x="5.0"' in shown
    assert '<rect class="came" x="1.0"' in shown
    assert "version 3 cannot be merged with itself: choose two" in refused
    assert "dataset version not found" in absent
    assert unsound.status_code == 200
    assert "Select a valid choice" in unsound.text
    assert "Nothing was made: version 2 holds just this already." in known.text
    assert "Version 4 is made." in done.text
    assert "Objects of both" in done.text
    assert "Version 2 merged into version 3" in timeline
    assert "Merge version 2 into version 3" in seen
    assert 'name="rule"' not in seen
    assert project.versions.count() == 4
