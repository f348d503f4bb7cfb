"""Dataset versions: made in one statement while people go on labeling."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core import blobs
from apps.labeling import selectors
from apps.labeling.errors import NothingToFreezeError
from apps.labeling.formats.coco import coco_text
from apps.labeling.formats.freezing import (
    ANALYZE_SQL,
    FREEZE_SQL,
    HASHED_SQL,
    TOTALS_SQL,
    UNHASHED_SQL,
)
from apps.labeling.formats.items import Item
from apps.labeling.formats.source import states, version_items, version_labels
from apps.labeling.models import DatasetVersion, FrozenImage, Label, Project
from apps.labeling.selectors.versions import version_info
from apps.labeling.types import DatasetVersionInfo, Shares

if TYPE_CHECKING:
    from apps.accounts.models import User

NUM_TO_ANALYZE = 10_000
SPLITS = ("train", "val", "test")
SUFFIXES = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/tiff": ".tif",
}


@transaction.atomic
def make_version(
    *,
    user: "User",
    project_id: int,
    note: str = "",
    shares: Shares | None = None,
    only_submitted: bool = True,
    may_stay: bool = False,
) -> DatasetVersionInfo:
    """Freeze a project's images, annotations and labels under the next number.

    An image's split follows from its bytes, so it stays where it is from version to
    version and in every project; an image whose split was set by hand keeps that.

    Args:
        user: Who asks.
        project_id: Whose images.
        note: What this version is for.
        shares: Of the splits; None takes those of the version before.
        only_submitted: Leave out images that nobody has finished.
        may_stay: The version that the project stands on will do where it is the same.

    Returns:
        The new version, or the newest one where nothing has changed since.

    Raises:
        NotFoundError: The user is a stranger to the project.
        RoleTooLowError: It takes an annotator.
        NothingToFreezeError: No image qualifies.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.ANNOTATOR
    )
    stands_on = locked(project_id).stands_on
    newest = DatasetVersion.objects.filter(project=project).first()
    same = [newest, stands_on] if may_stay else [newest]
    before = same[-1] or newest
    if shares is None:
        shares = Shares(**before.shares) if before else Shares()
    version = DatasetVersion(
        project=project,
        number=newest.number + 1 if newest else 1,
        note=note,
        shares=asdict(shares),
        only_submitted=only_submitted,
        parent=stands_on,
        created_by=user,
    )
    undo = transaction.savepoint()
    version.save()
    _freeze(version, shares)
    for known in filter(None, same):
        if known.content_hash == version.content_hash:
            transaction.savepoint_rollback(undo)
            stand_on(known)
            return version_info(known)
    version.save()
    stand_on(version)
    audit(
        action="dataset_version.made",
        target=version,
        actor=user,
        workspace_id=project.workspace_id,
        content_hash=version.content_hash,
    )
    return version_info(version)


def locked(project_id: int) -> Project:
    """Make those who make versions of a project take turns; labelers go on."""
    return Project.objects.select_for_update(no_key=True).get(pk=project_id)


def stand_on(version: DatasetVersion) -> None:
    """Note that the project's annotations are those of a version."""
    Project.objects.filter(pk=version.project_id).update(stands_on=version)


def _freeze(version: DatasetVersion, shares: Shares) -> None:
    """Copy what there is and work out what the version says of itself."""
    with connection.cursor() as cursor:
        # Labels in use stay until they are read below.
        cursor.execute(
            "SELECT 1 FROM labeling_label WHERE project_id = %s FOR KEY SHARE",
            [version.project_id],
        )
        cursor.execute(HASHED_SQL)
        cursor.execute(
            FREEZE_SQL,
            {
                "project_id": version.project_id,
                "version_id": version.pk,
                "states": states(only_submitted=version.only_submitted),
                "until_train": shares.train,
                "until_val": shares.train + shares.val,
            },
        )
        totals = cursor.fetchone()
        if _fill_empty_splits(
            version, shares, dict(zip(SPLITS, totals[2:], strict=True))
        ):
            cursor.execute(TOTALS_SQL, [version.pk])
            totals = cursor.fetchone()
        cursor.execute(UNHASHED_SQL)
    if not any(totals[2:]):
        raise NothingToFreezeError(
            _("no image is submitted yet: submit some, or include all images")
            if version.only_submitted
            else _("the project has no images yet: upload some")
        )
    describe(version, totals, taxonomy_of(version.project_id))


def describe(
    version: DatasetVersion, totals: Sequence[Any], taxonomy: list[dict[str, Any]]
) -> None:
    """Set what a version says of itself once its rows stand; see ``TOTALS_SQL``."""
    digest, num_annotations, *nums = totals
    counted = zip(SPLITS, nums, strict=True)
    version.splits = {split: num for split, num in counted if num}
    version.num_images = sum(nums)
    version.num_annotations = int(num_annotations)
    if version.num_images >= NUM_TO_ANALYZE:
        transaction.on_commit(_analyze)
    version.taxonomy = taxonomy
    text = json.dumps(version.taxonomy, sort_keys=True)
    version.content_hash = sha256(bytes(digest) + text.encode()).hexdigest()


def _analyze() -> None:
    """Tell the planner of so many rows before somebody compares or exports them."""
    with connection.cursor() as cursor:
        cursor.execute(ANALYZE_SQL)


def _fill_empty_splits(
    version: DatasetVersion, shares: Shares, splits: dict[str, int]
) -> bool:
    """Give a wanted split of a small set one image of the fullest split.

    Returns:
        Whether images moved; ``splits`` are counted anew.
    """
    is_changed = False
    for split in splits:
        fullest = max(splits, key=splits.__getitem__)
        if splits[split] or not getattr(shares, split) or splits[fullest] < 2:
            continue
        spare = version.rows.filter(split=fullest).order_by("-image__sha256")
        moved = spare.values_list("image_id", flat=True)[0]
        version.rows.filter(image_id=moved).update(split=split)
        splits[split], splits[fullest] = 1, splits[fullest] - 1
        is_changed = True
    return is_changed


def taxonomy_of(project_id: int) -> list[dict[str, Any]]:
    fields = (
        "id", "name", "color", "hotkey", "position", "kinds", "attributes", "skeleton",
    )  # fmt: skip
    rows = list(Label.objects.filter(project_id=project_id).values(*fields))
    for row in rows:
        # Versions from before labels had kinds keep the hash of the same content.
        if not row["kinds"]:
            del row["kinds"]
    return rows


def write_training_folder(
    *, version_id: int, folder: Path, image_ids: Sequence[int] | None = None
) -> None:
    """Lay a version out as ``python -m deepseek_vision train`` reads it.

    ``folder`` gets ``annotations.json``, in which each image has its split, and
    ``images/``. Files are hard links into the blob store where that is a folder of
    the same disk, else copies. What another attempt left behind is used or replaced.
    ``image_ids`` takes these of the version's images alone.

    Raises:
        NotFoundError: An image's bytes are gone from the blob store.
    """
    version = DatasetVersion.objects.get(pk=version_id)
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    suffixes = _suffixes(version)

    def placed() -> Iterator[Item]:
        for item in version_items(version, image_ids=image_ids):
            name = f"{item.sha256}{suffixes[item.id]}"
            _place(item.sha256, pictures / name)
            yield replace(item, name=name)

    labels = version_labels(version)
    partial = folder / "annotations.json.part"
    with partial.open("w", encoding="utf-8") as out:
        out.writelines(coco_text(labels, placed()))
    partial.replace(folder / "annotations.json")


def _suffixes(version: DatasetVersion) -> dict[int, str]:
    rows = FrozenImage.objects.filter(rows__version=version)
    types = rows.values_list("pk", "media_type")
    return {pk: SUFFIXES.get(kind, "") for pk, kind in types.iterator()}


def _place(digest: str, target: Path) -> None:
    if target.exists():
        return
    partial = target.with_name(f".{target.name}.part")
    partial.unlink(missing_ok=True)
    with blobs.local_copy(digest) as source:
        with suppress(OSError):
            partial.hardlink_to(source)
        if not partial.exists():
            shutil.copyfile(source, partial)
    partial.replace(target)
