"""Projects, labels, paging, submitting and export through the API."""

import json
import uuid
from collections.abc import Callable

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import AuditEntry, User, Workspace
from apps.labeling.models import Image, Label, Project
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    PredictionFactory,
    ProjectFactory,
)


@pytest.fixture
def client(alice: User, api_as: Callable[[User], APIClient]) -> APIClient:
    return api_as(alice)


def test_a_project_starts_with_its_labels_colours_and_keys(
    client: APIClient, workspace: Workspace
):
    made = client.post(
        reverse("labeling-api:project-list"),
        {"workspace_id": workspace.pk, "name": "Line 4", "labels": ["scratch", "dent"]},
        format="json",
    )
    labels = client.get(reverse("labeling-api:label-list", args=[made.json()["id"]]))

    assert made.status_code == 201
    assert made.json().keys() == {"id", "workspace_id", "name", "guide", "created_at"}
    assert [(row["name"], row["hotkey"]) for row in labels.json()] == [
        ("scratch", "1"),
        ("dent", "2"),
    ]
    assert len({row["color"] for row in labels.json()}) == 2


def test_a_label_named_twice_makes_no_project(client: APIClient, workspace: Workspace):
    answer = client.post(
        reverse("labeling-api:project-list"),
        {"workspace_id": workspace.pk, "name": "p", "labels": ["dent", "Dent"]},
        format="json",
    )

    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "another label of this project has the name 'Dent'",
        "code": "duplicate_label",
    }
    assert not Project.objects.exists()


def test_an_archived_project_is_gone_for_everybody(
    client: APIClient, project: Project, image: Image
):
    answer = client.delete(reverse("labeling-api:project", args=[project.pk]))

    statuses = [
        client.get(url).status_code
        for url in (
            reverse("labeling-api:project", args=[project.pk]),
            reverse("labeling-api:image", args=[image.pk]),
            reverse("labeling-api:export", args=[project.pk]),
        )
    ]
    assert (answer.status_code, statuses) == (204, [404, 404, 404])
    assert AuditEntry.objects.filter(action="project.archived").count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"name": "crack", "hotkey": "c", "color": "#a1b2c3"}, 200, None),
        ({"name": "DENT"}, 409, "duplicate_label"),
        ({"hotkey": "2"}, 409, "duplicate_label"),
        ({"color": "red"}, 400, "invalid"),
        ({"color": "#12345g"}, 400, "invalid"),
        ({"hotkey": "ab"}, 400, "invalid"),
        ({"hotkey": "A"}, 400, "invalid"),
        ({"name": ""}, 400, "invalid"),
    ],
)
def test_a_label_is_changed_or_refused(
    client: APIClient,
    project: Project,
    scratch: Label,
    changes: dict[str, str],
    status: int,
    code: str | None,
):
    url = reverse("labeling-api:label", args=[project.pk, scratch.pk])

    answer = client.patch(url, changes, format="json")

    now = {
        "id": scratch.pk,
        "name": "scratch",
        "color": scratch.color,
        "hotkey": "1",
        "kinds": [],
        "attributes": [],
        "skeleton": None,
    }
    expected = {**now, **changes} if status == 200 else now
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert (
        client.get(reverse("labeling-api:label-list", args=[project.pk])).json()[0]
        == expected
    )


def test_a_label_says_how_it_is_drawn_and_what_follows_from_an_answer(
    client: APIClient, project: Project
):
    url = reverse("labeling-api:label-list", args=[project.pk])
    nested = [
        {"name": "damaged", "kind": "checkbox"},
        {"name": "depth", "kind": "number", "when": {"name": "damaged", "value": True}},
    ]
    schema = {"kinds": ["box", "mask"], "attributes": nested}

    made = client.post(url, {"name": "hole", **schema}, format="json")
    one = reverse("labeling-api:label", args=[project.pk, made.json()["id"]])
    wrong = [{**nested[1], "when": {"name": "damaged", "value": "perhaps"}}]
    refused = client.patch(one, {"attributes": [nested[0], *wrong]}, format="json")
    unknown = client.patch(one, {"kinds": ["sphere"]}, format="json")
    changed = client.patch(one, {"kinds": []}, format="json")

    assert made.status_code == 201
    assert {key: made.json()[key] for key in schema} == schema
    assert refused.status_code == unknown.status_code == 400
    assert "damaged cannot be answered with perhaps" in str(refused.json()["fields"])
    assert changed.json()["kinds"] == []
    assert changed.json()["attributes"] == nested


def test_a_label_that_annotations_carry_stays(
    client: APIClient, project: Project, scratch: Label, image: Image
):
    AnnotationFactory(image=image, label=scratch)

    answer = client.delete(reverse("labeling-api:label", args=[project.pk, scratch.pk]))

    assert answer.status_code == 409
    assert answer.json() == {
        "detail": "1 annotations are scratch: give them another label first",
        "code": "label_in_use",
    }
    assert Label.objects.filter(pk=scratch.pk).exists()


def test_ids_of_two_owners_do_not_mix(
    client: APIClient, project: Project, charlie: User
):
    foreign = ProjectFactory(workspace=charlie.workspace_set.get(), created_by=charlie)
    label = Label.objects.create(project=foreign, name="l", color="#000000")

    answers = [
        client.patch(
            reverse("labeling-api:label", args=[project.pk, label.pk]),
            {"name": "mine"},
            format="json",
        ),
        client.delete(reverse("labeling-api:label", args=[project.pk, label.pk])),
    ]

    label.refresh_from_db()
    assert [answer.status_code for answer in answers] == [404, 404]
    assert label.name == "l"


@pytest.mark.parametrize("page_size", [1, 3, 500])
def test_a_cursor_visits_each_image_once_while_others_come(
    client: APIClient, project: Project, page_size: int
):
    known = [row.pk for row in ImageFactory.create_batch(7, project=project)]
    url = reverse("labeling-api:image-list", args=[project.pk])
    seen: list[int] = []
    link: str | None = f"{url}?page_size={page_size}"

    while link:
        page = client.get(link).json()
        seen += [row["id"] for row in page["results"]]
        link = page["next"]
        if len(seen) < 7:
            ImageFactory(project=project)

    assert seen[:7] == known
    assert len(seen) == len(set(seen))


def test_images_are_found_by_state_and_name(client: APIClient, project: Project):
    ImageFactory(project=project, name="Left_1.jpg", state="submitted")
    ImageFactory(project=project, name="left_2.jpg")
    ImageFactory(project=project, name="right.jpg", state="submitted")
    url = reverse("labeling-api:image-list", args=[project.pk])

    answer = client.get(url, {"state": "submitted", "name": "LEFT"})

    assert [row["name"] for row in answer.json()["results"]] == ["Left_1.jpg"]


def test_a_document_holds_all_that_the_editor_needs(
    client: APIClient, project: Project, image: Image, scratch: Label
):
    one = AnnotationFactory(image=image, label=scratch)
    other = PredictionFactory(image=image, label=scratch)
    after = ImageFactory(project=project)

    answer = client.get(reverse("labeling-api:document", args=[image.pk]))

    assert answer["ETag"] == '"0"'
    assert answer.json() == {
        "image": {
            "id": image.pk,
            "name": "a.jpg",
            "width": 64,
            "height": 48,
            "url": f"/api/v1/labeling/images/{image.pk}/shown/",
            "tiles_url": None,
            "thumbnail_url": f"/api/v1/labeling/images/{image.pk}/thumbnail/",
            "state": "unlabeled",
            "review": "",
            "index": 1,
            "count": 2,
        },
        "project": {"id": project.pk, "name": "Line 3", "guide": ""},
        "labels": [
            {
                "id": label.pk,
                "name": label.name,
                "color": label.color,
                "hotkey": label.hotkey,
                "kinds": [],
                "attributes": [],
                "skeleton": None,
            }
            for label in Label.objects.filter(project=project)
        ],
        "revision": 0,
        "annotations": [
            {
                "id": str(one.uid),
                "label_id": scratch.pk,
                "kind": "box",
                "bbox": [10.0, 20.0, 110.0, 70.0],
                "geometry": None,
                "source": "human",
                "score": None,
                "attributes": {},
                "is_occluded": False,
                "is_truncated": False,
                "group": None,
                "layer": 0,
            }
        ],
        "predictions": [
            {
                "id": str(other.uid),
                "label_id": scratch.pk,
                "kind": "box",
                "bbox": [12.0, 22.0, 108.0, 69.0],
                "geometry": None,
                "score": 0.9,
                "model": "detector@000000000000",
                "is_rejected": False,
            }
        ],
        "previous_id": None,
        "next_id": after.pk,
    }


def test_operations_submit_and_reopen_go_through_the_states(
    client: APIClient, project: Project, image: Image, scratch: Label
):
    uid = str(uuid.uuid4())
    shape = {"id": uid, "label_id": scratch.pk, "kind": "box", "bbox": [0, 0, 64, 48]}
    other = ImageFactory(project=project)

    saved = client.post(
        reverse("labeling-api:operations", args=[image.pk]),
        {"operations": [{"op": "put", "annotation": shape}]},
        format="json",
        headers={"If-Match": 'W/"0"'},
    )
    submitted = client.post(reverse("labeling-api:submit", args=[image.pk]))
    reopened = client.post(reverse("labeling-api:reopen", args=[image.pk]))
    removed = client.post(
        reverse("labeling-api:operations", args=[image.pk]),
        {"operations": [{"op": "remove", "id": uid}]},
        format="json",
        headers={"If-Match": '"1"'},
    )
    history = client.get(reverse("labeling-api:history", args=[image.pk])).json()

    assert (saved.json(), saved["ETag"]) == ({"revision": 1}, '"1"')
    assert submitted.json() == {"state": "submitted", "next_id": other.pk}
    assert reopened.json()["state"] == "in_progress"
    assert (removed.json(), removed["ETag"]) == ({"revision": 2}, '"2"')
    assert [
        (row["revision"], row["user"], row["operations"][0]["op"])
        for row in history["results"]
    ] == [(2, "alice@example.com", "remove"), (1, "alice@example.com", "put")]


def test_the_last_image_has_no_next(client: APIClient, image: Image):
    answer = client.post(reverse("labeling-api:submit", args=[image.pk]))

    assert answer.json() == {"state": "submitted", "next_id": None}


def test_an_export_holds_what_was_saved(
    client: APIClient, image: Image, scratch: Label
):
    drawn = AnnotationFactory(
        image=image, label=scratch, x1=1.5, y1=2, x2=4, y2=10, attributes={"depth": 2}
    )

    answer = client.get(reverse("labeling-api:export", args=[image.project_id]))

    coco = json.loads(answer.getvalue())
    assert answer["Content-Disposition"] == (
        f'attachment; filename="project-{image.project_id}.json"'
    )
    assert coco["images"] == [
        {
            "id": image.pk,
            "file_name": "a.jpg",
            "width": 64,
            "height": 48,
            "sha256": image.sha256,
        }
    ]
    assert coco["annotations"] == [
        {
            "id": 1,
            "image_id": image.pk,
            "category_id": 1,
            "bbox": [1.5, 2.0, 2.5, 8.0],
            "area": 20.0,
            "segmentation": [],
            "iscrowd": 0,
            "attributes": {
                "depth": 2,
                "occluded": False,
                "truncated": False,
                "kind": "box",
                "id": str(drawn.uid),
            },
        }
    ]


def test_an_unknown_format_is_answered_with_the_known_one(
    client: APIClient, project: Project
):
    answer = client.get(
        reverse("labeling-api:export", args=[project.pk]), {"form": "voc"}
    )

    assert answer.status_code == 400
    assert answer.json() == {
        "detail": "no format is called 'voc'; there is: coco",
        "code": "unknown_format",
    }
