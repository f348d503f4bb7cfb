"""Exports as jobs: a file in the blob store, to be fetched in parts if need be."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.blobs import Blob
from apps.core.errors import NotFoundError
from apps.jobs import selectors as job_selectors
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import JobStatus, NewJob
from apps.labeling import selectors
from apps.labeling.formats.items import Item
from apps.labeling.formats.registry import Format, format_named
from apps.labeling.formats.source import (
    project_items,
    project_labels,
    states,
    version_items,
    version_labels,
)
from apps.labeling.formats.writing import Names, Out
from apps.labeling.models import DatasetVersion, Image
from apps.labeling.selectors.versions import access_version

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

KIND = "export"
NUM_A_REPORT = 1000
NUM_A_COPY = 100


@transaction.atomic
def start_export(
    *,
    user: "User",
    project_id: int,
    form: str,
    only_submitted: bool = False,
    version_id: int | None = None,
    with_images: bool = False,
) -> "Job":
    """Queue the writing of a project, or of one of its versions, in a format.

    Args:
        user: Who wants it.
        project_id: Of what.
        form: A format's name.
        only_submitted: Leave the other images out.
        version_id: One of the project's versions, rather than what is there now.
        with_images: Put the images themselves into the zip, where the format has them.

    Raises:
        NotFoundError: No such project or version for this user.
        UnknownFormatError: No format is called that.
    """
    project = selectors.access_project(user=user, project_id=project_id)
    chosen = format_named(form)
    title = f"Export {project.name} as {chosen.title}"
    if version_id is not None:
        version = access_version(user=user, version_id=version_id)
        if version.project_id != project_id:
            raise NotFoundError(_("dataset version not found"))
        title = f"Export {project.name} v{version.number} as {chosen.title}"
    new = NewJob(
        kind=KIND,
        title=title[:200],
        task="labeling.export",
        params={
            "project_id": project_id,
            "form": form,
            "only_submitted": only_submitted,
            "version_id": version_id,
            "with_images": with_images,
        },
    )
    return jobs.create_job(user=user, workspace_id=project.workspace_id, new=new)


def export(holding: Holding) -> None:
    """Write the file, in memory for a few hundred images at a time, and keep it."""
    params = holding.claim.params
    form = format_named(params["form"])
    if params["version_id"] is not None:
        version = DatasetVersion.objects.select_related("project").get(
            pk=params["version_id"]
        )
        labels, items = version_labels(version), version_items(version)
        num_images, name = version.num_images, f"{version}"
    else:
        project_id, only = params["project_id"], params["only_submitted"]
        labels = project_labels(project_id)
        items = project_items(project_id=project_id, only_submitted=only)
        wanted = Image.objects.filter(state__in=states(only_submitted=only))
        num_images = wanted.filter(project_id=project_id).count()
        name = f"project-{project_id}"
    pictures = _Pictures(form) if params.get("with_images") else None
    num_total = num_images * (2 if pictures else 1)
    jobs.start_running(holding.claim, num_total=num_total)
    folder = jobs.run_dir(holding.claim.job_id)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "export.zip"
    with Out(path) as out:
        form.write(labels, _told(items, holding, pictures), out)
        if pictures:
            pictures.copy(out, holding)
    with path.open("rb") as file:
        blob = blobs.put(file)
    path.unlink()
    jobs.finish_job(
        holding.claim,
        result={
            "sha256": blob.sha256,
            "size_bytes": blob.size,
            "name": f"{name}-{form.name}.zip".replace(" ", "-"),
            "num_left_out": out.num_left_out,
        },
    )


class _Pictures:
    """The images of an export, copied once its annotations are written."""

    def __init__(self, form: Format) -> None:
        self._form, self._names = form, Names()
        self._found: list[tuple[str, str]] = []

    def note(self, item: Item) -> None:
        parts = PurePosixPath(item.name.replace("\\", "/")).parts
        path = "/".join(part for part in parts if part not in {"/", ".."})
        has_folders = "{path}" in self._form.pictures
        own = self._names.unique(path if has_folders else PurePosixPath(path).name)
        split = item.split or self._form.no_split
        place = self._form.pictures.format(path=own, name=own, split=split)
        self._found.append((place, item.sha256))

    def copy(self, out: Out, holding: Holding) -> None:
        for at, (place, sha256) in enumerate(self._found, start=1):
            with blobs.open_blob(sha256) as file:
                out.copy(place, file)
            if at % NUM_A_COPY == 0 or at == len(self._found):
                newly = NUM_A_COPY if at % NUM_A_COPY == 0 else at % NUM_A_COPY
                holding.report([], num_newly_done=newly)
                holding.keep()


def _told(
    items: Iterator[Item], holding: Holding, pictures: _Pictures | None
) -> Iterator[Item]:
    """Pass images on and say how many there were."""
    num = 0
    for num, item in enumerate(items, start=1):
        if pictures:
            pictures.note(item)
        yield item
        if num % NUM_A_REPORT == 0:
            holding.report([], num_newly_done=NUM_A_REPORT)
            holding.keep()
    if num % NUM_A_REPORT:
        holding.report([], num_newly_done=num % NUM_A_REPORT)


def access_export(*, user: "User", job_id: UUID) -> tuple[Blob, str]:
    """Return the file of an export that is done, and its name.

    Raises:
        NotFoundError: No such export for this user, or it is not done.
    """
    job = job_selectors.access_job(user=user, job_id=job_id)
    if job.kind != KIND or job.status != JobStatus.DONE:
        raise NotFoundError(_("export not found, or not done"))
    result = job.result
    blob = Blob(sha256=result["sha256"], size=result["size_bytes"])
    return blob, str(result["name"])
