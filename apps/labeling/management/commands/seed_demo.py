"""The first start: an admin, a workspace, and images to label at once."""

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apps.accounts.services import create_workspace
from apps.labeling import selectors
from apps.labeling.services.images import add_image
from apps.labeling.services.projects import create_project
from apps.marketplace.services.publishing import register_packaged_models

if TYPE_CHECKING:
    from apps.accounts.models import User

NUM_GENERATED = 36
SEED = 7
NAME = "Production line"
GUIDE = (
    "Draw a tight box around every visible defect. A defect that the edge of the "
    "picture cuts is labeled too. The photographs at the end carry no defect: submit "
    "them empty. Press P for the model's proposals and ? for all keys."
)
# scikit-image carries these: NASA's portrait is in the public domain, the others are CC0.
PHOTOGRAPHS = ("coffee.png", "chelsea.png", "rocket.jpg", "astronaut.png")


class Command(BaseCommand):
    help = "Create the admin and the demo workspace once; later calls change nothing."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--images", type=int, default=NUM_GENERATED)

    def handle(self, *_args: Any, **options: Any) -> None:
        register_packaged_models()
        admin = self._admin()
        if selectors.list_projects(user=admin).exists():
            return
        self._seed(admin, num_images=options["images"])

    def _admin(self) -> "User":
        people = get_user_model().objects
        admin = people.filter(is_superuser=True).order_by("pk").first()
        if admin is not None:
            return admin
        email = os.environ.get("DSPORTAL_ADMIN_EMAIL", "admin@example.com")
        given = os.environ.get("DSPORTAL_ADMIN_PASSWORD", "")
        password = given or secrets.token_urlsafe(12)
        admin = people.create_superuser(email, password, name="Admin")
        self.stdout.write(f"admin e-mail:    {email}")
        if not given:
            self.stdout.write(f"admin password:  {password}   (shown this once)")
        return admin

    def _seed(self, admin: "User", *, num_images: int) -> None:
        with tempfile.TemporaryDirectory(prefix="demo-") as folder:
            labels = _generate(Path(folder), num_images)
            paths = sorted((Path(folder) / "images").iterdir())
            with transaction.atomic():
                workspace = create_workspace(user=admin, name="Demo")
                project = create_project(
                    user=admin,
                    workspace_id=workspace.pk,
                    name=NAME,
                    labels=labels,
                    guide=GUIDE,
                )
                for path in [*paths, *_photographs()]:
                    with path.open("rb") as file:
                        add_image(
                            user=admin, project_id=project.pk, name=path.name, file=file
                        )
        self.stdout.write(f"demo project:    {NAME}, {len(paths)} generated images")


def _generate(folder: Path, num_images: int) -> list[str]:
    """Draw the images in a child process and return the names of their defects."""
    command = [
        sys.executable, "-m", "deepseek_vision", "generate", "--kind",
        "production-line", "--num", str(num_images), "--seed", str(SEED),
        "--out", str(folder),
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- fixed command
    if run.returncode != 0:
        raise CommandError(f"the demo images could not be drawn: {run.stderr[-500:]}")
    truth = json.loads((folder / "annotations.json").read_text())
    return [row["name"] for row in truth["categories"]]


def _photographs() -> list[Path]:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "data"
    return [folder / name for name in PHOTOGRAPHS if (folder / name).exists()]
