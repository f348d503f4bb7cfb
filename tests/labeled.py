"""A project whose images carry exact labels: generated pictures, all submitted."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from apps.accounts.models import User
from apps.labeling.management.commands.seed_demo import SEED
from apps.labeling.models import (
    Annotation,
    DatasetVersion,
    Image,
    Label,
    Project,
)
from apps.labeling.services.images import add_image
from apps.labeling.services.versions import make_version
from apps.labeling.types import ImageState
from apps.training.services.starting import start_run
from apps.training.types import NewRun
from deepseek_vision.synthetic.production_line import write_production_line
from tests.factories.labeling import ProjectFactory


def label_demo() -> Project:
    """Give the demo project's generated images the boxes that they were drawn with."""
    project = Project.objects.get(name="Production line")
    num = Image.objects.filter(project=project, name__startswith="part_").count()
    with TemporaryDirectory() as folder:
        write_production_line(Path(folder), num_images=num, seed=SEED)
        _annotate(project, json.loads((Path(folder) / "annotations.json").read_text()))
    return project


def labeled_project(
    user: User, workspace_id: int, folder: Path, *, num_images: int = 8
) -> Project:
    """Draw pictures and store them with the boxes that they were drawn with."""
    write_production_line(folder, num_images=num_images, seed=11)
    project = ProjectFactory(
        workspace_id=workspace_id, created_by=user, name="Production line"
    )
    for path in sorted((folder / "images").iterdir()):
        with path.open("rb") as file:
            add_image(user=user, project_id=project.pk, name=path.name, file=file)
    coco = json.loads((folder / "annotations.json").read_text())
    for row in coco["categories"]:
        Label.objects.create(
            project=project, name=row["name"], color="#2f7de1", position=row["id"]
        )
    _annotate(project, coco)
    return project


def _annotate(project: Project, coco: dict[str, Any]) -> None:
    """Store a COCO file's boxes on the images of the same names, and submit them."""
    names = {row["id"]: row["name"] for row in coco["categories"]}
    labels = {row.name: row for row in Label.objects.filter(project=project)}
    files = {row["id"]: row["file_name"] for row in coco["images"]}
    images = {row.name: row for row in Image.objects.filter(project=project)}
    for row in coco["annotations"]:
        x, y, width, height = row["bbox"]
        Annotation.objects.create(
            uid=uuid4(),
            image=images[files[row["image_id"]]],
            label=labels[names[row["category_id"]]],
            x1=x, y1=y, x2=x + width, y2=y + height,
            created_by_id=project.created_by_id, updated_by_id=project.created_by_id,
        )  # fmt: skip
    Image.objects.filter(project=project, name__in=files.values()).update(
        state=ImageState.SUBMITTED
    )


def start_demo_run(*, num_steps: int) -> None:
    """Train something tiny on the demo project; prints the id of its job."""
    project = Project.objects.get(name="Production line")
    if not DatasetVersion.objects.filter(project=project).exists():
        label_demo()
    user = project.created_by
    version = make_version(user=user, project_id=project.pk)
    changes = {
        "size": "nano", "num_steps": num_steps, "batch_size": 2, "side_px": 64,
        "evaluate_every": num_steps // 4,
    }  # fmt: skip
    new = NewRun(
        name="Tiny", dataset_version_id=version.id, preset="fast", changes=changes
    )
    run = start_run(user=user, new=new)
    sys.stdout.write(json.dumps(str(run.job_id)) + "\n")
