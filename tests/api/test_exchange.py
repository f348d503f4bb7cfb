"""Imports and exports as jobs, through the API."""

import gc
import io
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.core import blobs
from apps.jobs import services as jobs
from apps.jobs.models import Job
from apps.labeling.models import Annotation, Image, Label, OperationLog, Project
from apps.labeling.services.exporting import export
from apps.labeling.services.importing import carry_out_import, start_import
from tests.factories.labeling import AnnotationFactory, ImageFactory

ApiAs = Callable[[User], APIClient]
BOX = {"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 2, 30, 20]}


def coco(*annotations: dict[str, Any], name: str = "a.jpg") -> io.BytesIO:
    content = {
        "images": [{"id": 0, "file_name": name}, {"id": 1, "file_name": "else.jpg"}],
        "categories": [{"id": 0, "name": "Scratch"}, {"id": 1, "name": "crack"}],
        "annotations": annotations,
    }
    file = io.BytesIO(json.dumps(content).encode())
    file.name = "ours.json"
    return file


def send(client: APIClient, project: Project, file: io.BytesIO, **how: object) -> Job:
    url = reverse("labeling-api:import-list", args=[project.pk])
    answer = client.post(url, {"file": file, "form": "coco", **how}, format="multipart")
    assert answer.status_code == 202, answer.json()
    return carried_out(answer.json()["job_id"])


def carried_out(job_id: str) -> Job:
    job = Job.objects.get(pk=job_id)
    work = export if job.kind == "export" else carry_out_import
    jobs.carry_out(job_id=job_id, worker="w", work=work)
    job.refresh_from_db()
    return job


def test_a_dry_run_says_what_would_change_and_applies_when_told(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    AnnotationFactory(image=image, label=scratch, x1=1, y1=2, x2=31, y2=22)
    other = {**BOX, "category_id": 1, "bbox": [5, 5, 10, 10]}

    shown = send(client, project, coco(BOX, other), is_dry_run=True)
    before = Annotation.objects.count()
    url = reverse("labeling-api:apply-import", args=[shown.pk])
    done = carried_out(client.post(url).json()["job_id"])

    assert before == 1
    assert shown.result == {
        "num_images": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 1,
        "labels_added": ["crack"], "left_out": {}, "num_unknown": 1,
        "unknown": ["else.jpg"], "is_applied": False,
    }  # fmt: skip
    assert done.result == {**shown.result, "is_applied": True}
    assert set(image.annotations.values_list("label__name", "x1")) == {
        ("scratch", 1),
        ("crack", 5),
    }
    image.refresh_from_db()
    assert (image.revision, image.num_annotations, image.state) == (1, 2, "in_progress")
    assert OperationLog.objects.get(image=image).operations[0]["op"] == "put"


def test_what_its_label_may_not_be_drawn_as_is_left_out_and_said(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    AnnotationFactory(image=image, label=scratch, x1=1, y1=2, x2=31, y2=22)
    scratch.kinds = ["polygon"]
    scratch.save()
    other = {**BOX, "bbox": [5, 5, 10, 10]}

    done = send(client, project, coco(BOX, other), is_replacing=True)

    assert done.result["left_out"] == {"scratch (box)": 1}
    assert (done.result["unchanged"], done.result["added"]) == (1, 0)
    assert image.annotations.count() == 1  # it was drawn before
    page = Client()
    page.force_login(alice)
    shown = page.get(reverse("labeling:data", args=[project.pk])).content.decode()
    assert "scratch (box)" in shown


def test_importing_twice_changes_nothing_more(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    client = api_as(alice)

    send(client, project, coco(BOX, BOX))
    again = send(client, project, coco(BOX, BOX))

    assert (again.result["added"], again.result["unchanged"]) == (0, 2)
    assert image.annotations.count() == 2


@pytest.mark.django_db(transaction=True)
def test_two_imports_at_once_take_turns_and_nothing_comes_twice(
    alice: User, project: Project, image: Image
) -> None:
    box = {**BOX, "bbox": [1, 2, 30, 20]}
    other = {**BOX, "bbox": [40, 2, 20, 20]}
    started = [
        start_import(
            user=alice,
            project_id=project.pk,
            file=coco(*what),
            name="a.json",
            form="coco",
        )
        for what in ((box,), (box, other))
    ]
    barrier = Barrier(len(started))

    def carry_out(job: Job) -> Job:
        barrier.wait()
        try:
            return carried_out(str(job.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(len(started)) as pool:
        done = list(pool.map(carry_out, started))

    assert [job.status for job in done] == ["done", "done"], [job.error for job in done]
    assert sum(job.result["added"] for job in done) == 2
    assert sorted(image.annotations.values_list("x1", flat=True)) == [1, 40]
    assert project.labels.filter(name__iexact="scratch").count() == 1
    image.refresh_from_db()
    assert image.num_annotations == 2


def test_reading_what_is_there_sorts_nothing(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    with CaptureQueriesContext(connection) as asked:
        send(api_as(alice), project, coco(BOX))

    (read,) = [
        row["sql"] for row in asked if 'FROM "labeling_annotation"' in row["sql"]
        and "packed" in row["sql"]
    ]  # fmt: skip
    # A cursor in the order of ids walks the table of all projects for each chunk.
    assert "ORDER BY" not in read
    assert gc.isenabled()


def test_replacing_takes_away_what_the_file_lacks_on_its_images_only(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    other = AnnotationFactory(image=ImageFactory(project=project), label=scratch)
    AnnotationFactory(image=image, label=scratch, x1=7, y1=7, x2=9, y2=9)

    done = send(api_as(alice), project, coco(BOX), is_replacing=True)

    assert done.result["removed"] == 1
    assert set(Annotation.objects.values_list("image_id", "x1")) == {
        (image.pk, 1),
        (other.image_id, 10),
    }


def test_a_broken_file_says_where_and_leaves_the_project_as_it_was(
    alice: User, api_as: ApiAs, project: Project, image: Image
) -> None:
    broken = {**BOX, "id": 7, "category_id": 0, "bbox": [1, 2, "x", 4]}

    done = send(api_as(alice), project, coco({**BOX, "category_id": 1}, broken))

    assert (done.status, done.error_code) == ("failed", "bad_file")
    assert done.error == "ours.json annotation 7: 'x' is no number"
    assert not Annotation.objects.exists()
    assert not Label.objects.filter(name="crack").exists()


def test_an_export_changed_elsewhere_comes_back_as_changes(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    AnnotationFactory(image=image, label=scratch, x1=1, y1=2, x2=31, y2=22)
    content = json.loads(zipped(client, project, "coco").read("annotations.json"))
    content["annotations"][0]["bbox"] = [2, 2, 30, 20]
    file = io.BytesIO(json.dumps(content).encode())
    file.name = "annotations.json"

    done = send(client, project, file)

    assert (done.result["changed"], done.result["added"]) == (1, 0)
    assert [row.bbox for row in image.annotations.all()] == [(2, 2, 32, 22)]


def zipped(
    client: APIClient, project: Project, form: str, **how: bool
) -> zipfile.ZipFile:
    url = reverse("labeling-api:export-list", args=[project.pk])
    answer = client.post(url, {"form": form, **how}, format="json")
    job = carried_out(answer.json()["job_id"])
    assert job.status == "done", job.error
    file = client.get(reverse("labeling-api:export-file", args=[job.pk]))
    return zipfile.ZipFile(io.BytesIO(file.getvalue()))


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("coco", "images/{name}"),
        ("yolo-detect", "images/train/{name}"),
        ("masks", "JPEGImages/{name}"),
        ("labelme", "{name}"),
    ],
)
def test_the_images_go_along_where_a_format_looks_for_them(
    form: str,
    place: str,
    alice: User,
    api_as: ApiAs,
    project: Project,
    image: Image,
) -> None:
    Image.objects.filter(pk=image.pk).update(name="../a.jpg")

    out = zipped(api_as(alice), project, form, with_images=True)

    with blobs.open_blob(image.sha256) as file:
        assert out.read(place.format(name="a.jpg")) == file.read()
    assert not any(".." in name for name in out.namelist())
    job = Job.objects.get(kind="export")
    assert (job.num_done, job.num_total) == (2, 2)


def test_an_export_goes_on_where_it_broke_off(
    alice: User, api_as: ApiAs, project: Project, scratch: Label, image: Image
) -> None:
    client = api_as(alice)
    AnnotationFactory(image=image, label=scratch)
    url = reverse("labeling-api:export-list", args=[project.pk])
    job_id = client.post(url, {"form": "csv"}, format="json").json()["job_id"]
    file_url = reverse("labeling-api:export-file", args=[job_id])
    too_early = client.get(file_url)
    job = carried_out(job_id)

    whole = client.get(file_url).getvalue()
    rest = client.get(file_url, headers={"Range": "bytes=10-"})

    assert too_early.status_code == 404
    assert (job.num_done, job.num_total) == (1, 1)
    assert (rest.status_code, rest.getvalue()) == (206, whole[10:])


def test_an_unknown_format_is_refused_with_the_list(
    alice: User, api_as: ApiAs, project: Project
) -> None:
    url = reverse("labeling-api:export-list", args=[project.pk])

    answer = api_as(alice).post(url, {"form": "dxf"}, format="json")

    assert answer.status_code == 400
    assert "dxf" in answer.json()["fields"]["form"][0]
