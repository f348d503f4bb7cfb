import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from apps.labeling.formats.coco import coco_text
from apps.labeling.formats.source import project_items, project_labels
from tests.factories.labeling import (
    AnnotationFactory,
    ImageFactory,
    LabelFactory,
    ProjectFactory,
)


def export_coco(*, project_id: int, only_submitted: bool = False) -> Iterator[str]:
    items = project_items(project_id=project_id, only_submitted=only_submitted)
    return coco_text(project_labels(project_id), items)


@pytest.mark.django_db
def test_pycocotools_reads_equal_content(tmp_path: Path):
    project = ProjectFactory()
    scratch = LabelFactory(project=project, name="scratch", position=0)
    dent = LabelFactory(project=project, name="dent", position=1)
    first, second = ImageFactory.create_batch(2, project=project)
    AnnotationFactory(image=first, label=dent, x1=1.5, y1=2, x2=11.5, y2=32)
    AnnotationFactory(image=first, label=scratch)
    path = tmp_path / "coco.json"

    path.write_text("".join(export_coco(project_id=project.pk)))
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))

    assert coco.getImgIds() == [first.pk, second.pk]
    assert [row["name"] for row in coco.loadCats(coco.getCatIds())] == [
        "scratch",
        "dent",
    ]
    rows = coco.loadAnns(coco.getAnnIds(imgIds=[first.pk]))
    assert [(row["category_id"], row["bbox"], row["area"]) for row in rows] == [
        (2, [1.5, 2.0, 10.0, 30.0], 300.0),
        (1, [10.0, 20.0, 100.0, 50.0], 5000.0),
    ]
    assert coco.getAnnIds(imgIds=[second.pk]) == []


@pytest.mark.django_db
def test_only_submitted_images_where_asked(tmp_path: Path):
    project = ProjectFactory()
    ImageFactory(project=project)
    done = ImageFactory(project=project, state="submitted")
    AnnotationFactory(image=done)

    text = "".join(export_coco(project_id=project.pk, only_submitted=True))

    content = json.loads(text)
    assert [row["id"] for row in content["images"]] == [done.pk]
    assert len(content["annotations"]) == 1


@pytest.mark.django_db
def test_an_empty_project_is_a_valid_file():
    project = ProjectFactory()

    content = json.loads("".join(export_coco(project_id=project.pk)))

    assert (content["images"], content["annotations"], content["categories"]) == (
        [],
        [],
        [],
    )
