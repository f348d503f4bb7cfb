"""Imports as jobs: first what would change, then all of it or nothing."""

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.jobs import selectors as job_selectors
from apps.jobs import services as jobs
from apps.jobs.services import Holding
from apps.jobs.types import NewJob
from apps.labeling import selectors
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import BBox, unpack
from apps.labeling.formats.items import Item, ItemShape
from apps.labeling.formats.registry import format_named
from apps.labeling.models import Annotation, Image, Label, Project
from apps.labeling.services.bulk import apply_in_bulk
from apps.labeling.services.projects import add_label
from apps.labeling.types import Operation, Put, Remove, Shape, ShapeKind

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

KIND = "import"
CHUNK = 500
NUM_NAMES_TOLD = 20
Found = tuple[Item, list[ItemShape]]
# Label, kind, corners to a hundredth of a pixel, geometry: what makes two shapes one.
Key = tuple[int, str, BBox, bytes]


@transaction.atomic
def start_import(
    *,
    user: "User",
    project_id: int,
    file: IO[bytes],
    name: str,
    form: str,
    **how: bool,
) -> "Job":
    """Keep a file of annotations and queue the reading of it.

    Args:
        user: Who imports.
        project_id: Into which project.
        file: One file, or a zip.
        name: What the file is called.
        form: A format's name.
        how: ``is_dry_run`` only says what would change; ``is_replacing`` takes away
            what the file does not have, on images that it names.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: It takes a manager.
        UnknownFormatError: No format is called that.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    format_named(form)
    params = {
        "project_id": project_id,
        "sha256": blobs.put(file).sha256,
        "name": name[-255:],
        "form": form,
        "is_dry_run": how.get("is_dry_run", False),
        "is_replacing": how.get("is_replacing", False),
    }
    return _queue(user, project, params)


@transaction.atomic
def apply_import(*, user: "User", job_id: UUID) -> "Job":
    """Queue for good what a dry run has shown.

    Raises:
        NotFoundError: No such import for this user.
        RoleTooLowError: It takes a manager.
    """
    shown = job_selectors.access_job(user=user, job_id=job_id, needs=Role.MANAGER)
    if shown.kind != KIND:
        raise NotFoundError(_("import not found"))
    project = selectors.access_project(
        user=user, project_id=shown.params["project_id"], needs=Role.MANAGER
    )
    return _queue(user, project, {**shown.params, "is_dry_run": False})


def _queue(user: "User", project: Project, params: dict[str, Any]) -> "Job":
    verb = "Check" if params["is_dry_run"] else "Import"
    title = f"{verb} {params['name']} into {project.name}"
    new = NewJob(kind=KIND, title=title[:200], task="labeling.import", params=params)
    return jobs.create_job(user=user, workspace_id=project.workspace_id, new=new)


@dataclass(slots=True, kw_only=True)
class Changes:
    """What an import changes, or would change.

    Attributes:
        left_out: How many objects of a kind that their label does not allow, by both.
    """

    num_images: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    labels_added: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def carry_out_import(holding: Holding) -> None:
    """Read the file; with no dry run also write what it says, in one transaction."""
    params = holding.claim.params
    user = get_user_model().objects.get(pk=holding.claim.user_id)
    catalog = Catalog(params["project_id"])
    jobs.start_running(holding.claim, num_total=0)
    with blobs.local_copy(params["sha256"]) as path, transaction.atomic():
        # Two imports into one project take turns. The job's row stays locked too, so
        # that nobody takes the job for lost meanwhile.
        Project.objects.select_for_update(no_key=True).get(pk=params["project_id"])
        holding.keep(is_urgent=True)
        reader = format_named(params["form"]).read
        merger = _Merger(user, params)
        with closing(Archive(path, name=params["name"])) as archive, _uncollected():
            for chunk in _chunks(reader(archive, catalog)):
                merger.merge(chunk)
        changes = merger.changes
        if not params["is_dry_run"]:
            audit(
                action="annotations.imported",
                target=params["name"],
                actor=user,
                workspace_id=holding.claim.workspace_id,
                project_id=params["project_id"],
                added=changes.added,
            )
        unknown = list(catalog.unknown)
        result = {
            "num_images": changes.num_images,
            "added": changes.added,
            "changed": changes.changed,
            "removed": changes.removed,
            "unchanged": changes.unchanged,
            "labels_added": changes.labels_added,
            "left_out": dict(changes.left_out),
            "num_unknown": len(unknown),
            "unknown": unknown[:NUM_NAMES_TOLD],
            "is_applied": not params["is_dry_run"],
        }
        jobs.finish_job(holding.claim, result=result)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cycles: a file's millions of objects have none, and hold it up."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _chunks(found: Iterator[Found]) -> Iterator[dict[int, Found]]:
    """Gather images, each once a chunk."""
    chunk: dict[int, Found] = {}
    for item, shapes in found:
        if item.id in chunk:
            chunk[item.id][1].extend(shapes)
        else:
            chunk[item.id] = (item, shapes)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = {}
    if chunk:
        yield chunk


class _Merger:
    """Compares what a file says with what there is, and writes where it is to."""

    def __init__(self, user: "User", params: dict[str, Any]) -> None:
        self.changes = Changes()
        self._user, self._params = user, params
        rows = Label.objects.filter(project_id=params["project_id"])
        self._label_ids = {row.name.lower(): row.pk for row in rows}
        self._labels = {row.pk: row for row in rows if row.kinds}

    def merge(self, chunk: dict[int, Found]) -> None:
        # A dry run locks nothing that a labeler needs.
        images = Image.objects.order_by("pk")
        if not self._params["is_dry_run"]:
            images = images.select_for_update()
        locked = images.in_bulk(list(chunk))
        present: dict[int, dict[UUID, Key]] = {pk: {} for pk in locked}
        # In no order: to be in that of its rows, a cursor would walk the whole table.
        there = Annotation.objects.filter(image__in=list(locked)).order_by()
        rows = there.values_list(
            "image_id", "uid", "label_id", "kind", "packed", "x1", "y1", "x2", "y2"
        )
        for image_id, uid, label_id, kind, packed, *corners in rows.iterator():
            present[image_id][uid] = (label_id, kind, _rounded(*corners), bytes(packed))
        operations = {
            image: self._operations(chunk[pk][1], present[pk])
            for pk, image in locked.items()
        }
        self.changes.num_images += len(locked)
        if not self._params["is_dry_run"]:
            apply_in_bulk(user=self._user, changes=operations, present=present)

    def _operations(
        self, shapes: Sequence[ItemShape], present: dict[UUID, Key]
    ) -> list[Operation]:
        left = Counter(present.values())
        kept: set[UUID] = set()
        by_key: dict[Key, list[UUID]] = {}
        for uid, key in present.items():
            by_key.setdefault(key, []).append(uid)
        found: list[Operation] = []
        for one in shapes:
            label_id = self._label_id(one.label)
            key = (label_id, one.kind.value, _rounded(*one.bbox), one.packed)
            known = one.id if one.id in present and one.id not in kept else None
            if not left[key] and self._is_left_out(one, label_id):
                if known is not None:
                    kept.add(known)
                continue
            if known is not None and present[known] != key:
                self.changes.changed += 1
            elif left[key] > 0:
                left[key] -= 1
                kept.add(by_key[key].pop())
                self.changes.unchanged += 1
                continue
            else:
                self.changes.added += 1
            uid = one.id if one.id is not None and one.id not in kept else uuid4()
            kept.add(uid)
            found.append(Put(shape=_stated(one, uid, label_id)))
        if self._params["is_replacing"]:
            gone = [Remove(id=uid) for uid in present if uid not in kept]
            self.changes.removed += len(gone)
            found += gone
        return found

    def _is_left_out(self, one: ItemShape, label_id: int) -> bool:
        label = self._labels.get(label_id)
        if label is None or label.allows(one.kind):
            return False
        self.changes.left_out[f"{label.name} ({one.kind})"] += 1
        return True

    def _label_id(self, name: str) -> int:
        known = self._label_ids.get(name.lower())
        if known is not None:
            return known
        self.changes.labels_added.append(name)
        if self._params["is_dry_run"]:
            made = -len(self.changes.labels_added)
        else:
            made = add_label(
                user=self._user, project_id=self._params["project_id"], name=name[:120]
            ).pk
        self._label_ids[name.lower()] = made
        return made


def _rounded(x1: float, y1: float, x2: float, y2: float) -> BBox:
    return round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)


def _stated(one: ItemShape, uid: UUID, label_id: int) -> Shape:
    geometry = None if one.kind is ShapeKind.BOX else unpack(one.kind, one.packed)
    return Shape(
        id=uid,
        label_id=label_id,
        kind=one.kind,
        bbox=one.bbox,
        geometry=geometry,
        source=one.source,
        score=one.score,
        attributes=one.attributes,
        is_occluded=one.is_occluded,
        is_truncated=one.is_truncated,
        group=one.group,
        layer=one.layer,
    )
