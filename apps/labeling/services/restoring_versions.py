"""Bring a project back to what a dataset version says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.labeling.errors import NothingToFreezeError
from apps.labeling.formats.frozen import frozen_shapes
from apps.labeling.models import (
    Annotation,
    DatasetVersion,
    FrozenImage,
    Image,
    Label,
    VersionImage,
)
from apps.labeling.selectors.versions import access_version
from apps.labeling.services.bulk import apply_in_bulk
from apps.labeling.services.versions import locked, make_version, stand_on
from apps.labeling.types import DatasetVersionInfo, Operation, Put, Remove

if TYPE_CHECKING:
    from apps.accounts.models import User

CHUNK = 500
KEPT = (
    "name", "size_bytes", "media_type", "shown_sha256", "shown_media_type",
    "shown_size_bytes", "thumbnail_sha256", "thumbnail_size_bytes", "width", "height",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did.

    Attributes:
        before: The state that it replaced, itself a version: the one that the project
            stood on where nothing has changed since; None where the project was empty.
        num_changed: Images whose annotations were put back.
        num_added: Images that had been deleted.
    """

    before: DatasetVersionInfo | None
    num_changed: int
    num_added: int


@transaction.atomic
def restore_version(*, user: "User", version_id: int) -> Restored:
    """Put back the annotations, labels and deleted images of a version.

    Images that the version does not know stay as they are. What is replaced is made a
    version first, so that a restore can itself be undone; editors that are open see
    a newer revision and merge.

    Raises:
        NotFoundError: No such version for this user.
        RoleTooLowError: It takes a manager.
    """
    version = access_version(user=user, version_id=version_id, needs=Role.MANAGER)
    locked(version.project_id)
    before = _keep(user, version)
    _restore_labels(version)
    num_added = num_changed = 0
    rows = version.rows.select_related("image").order_by("image_id")
    if before is not None:
        same = VersionImage.objects.filter(version_id=before.id).values("image_id")
        rows = rows.exclude(image_id__in=same)
    chunk: list[VersionImage] = []
    for row in rows.iterator(chunk_size=CHUNK):
        chunk.append(row)
        if len(chunk) == CHUNK:
            added, changed = _restore(user, version, chunk)
            num_added, num_changed = num_added + added, num_changed + changed
            chunk = []
    added, changed = _restore(user, version, chunk)
    stand_on(version)
    audit(
        action="dataset_version.restored",
        target=version,
        actor=user,
        workspace_id=version.project.workspace_id,
        before=before.number if before else None,
    )
    return Restored(
        before=before, num_added=num_added + added, num_changed=num_changed + changed
    )


def _keep(user: "User", version: DatasetVersion) -> DatasetVersionInfo | None:
    try:
        return make_version(
            user=user,
            project_id=version.project_id,
            note=f"before version {version.number} was restored",
            only_submitted=False,
            may_stay=True,
        )
    except NothingToFreezeError:
        return None


def _restore_labels(version: DatasetVersion) -> None:
    """Bring back deleted labels under their ids; those that exist keep their looks."""
    labels = Label.objects.filter(project_id=version.project_id)
    known = set(labels.values_list("pk", flat=True))
    names = {name.lower() for name in labels.values_list("name", flat=True)}
    keys = set(labels.exclude(hotkey="").values_list("hotkey", flat=True))
    for row in version.taxonomy:
        if row["id"] in known:
            continue
        is_taken = row["name"].lower() in names
        name = f"{row['name']} (v{version.number})" if is_taken else row["name"]
        hotkey = "" if row["hotkey"] in keys else row["hotkey"]
        fields = {**row, "name": name[-120:], "hotkey": hotkey}
        Label.objects.create(project_id=version.project_id, **fields)


def _restore(
    user: "User", version: DatasetVersion, rows: Sequence[VersionImage]
) -> tuple[int, int]:
    """Put some images back; returns how many were missing, and how many differed."""
    images = Image.objects.select_for_update().filter(
        project_id=version.project_id, sha256__in=[row.image.sha256 for row in rows]
    )
    known = {image.sha256: image for image in images.order_by("pk")}
    missing = [
        _image(user, version, row.image)
        for row in rows
        if row.image.sha256 not in known
    ]
    known |= {image.sha256: image for image in Image.objects.bulk_create(missing)}
    present: dict[int, set[UUID]] = {}
    held = Annotation.objects.filter(image__in=known.values())
    for image_id, uid in held.values_list("image_id", "uid"):
        present.setdefault(image_id, set()).add(uid)
    changes: dict[Image, list[Operation]] = {}
    for row in rows:
        image = known[row.image.sha256]
        image.name, image.state = row.image.name, row.state
        shapes = frozen_shapes(row.image)
        kept = {shape.id for shape in shapes}
        gone = present.get(image.pk, set()) - kept
        changes[image] = [
            *(Remove(id=uid) for uid in gone),
            *(Put(shape=shape) for shape in shapes),
        ]
    Image.objects.bulk_update(changes, ["name", "state"])
    apply_in_bulk(user=user, changes=changes, present=present)
    return len(missing), len(known) - len(missing)


def _image(user: "User", version: DatasetVersion, frozen: FrozenImage) -> Image:
    return Image(
        project_id=version.project_id,
        sha256=frozen.sha256,
        created_by=user,
        **{name: getattr(frozen, name) for name in KEPT},
    )
