from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.types import Role
from apps.labeling.formats.frozen import unfreeze
from apps.labeling.formats.items import ItemShape
from apps.labeling.models import DatasetVersion, FrozenImage, Image, VersionImage
from apps.labeling.selectors.access import check_member
from apps.labeling.selectors.differences import ImageDifference
from apps.labeling.types import DatasetVersionInfo, FrozenPicture

if TYPE_CHECKING:
    from apps.accounts.models import User

MADE_OF = ("parent", "merged", "ancestor")


def access_version(
    *, user: "User", version_id: int, needs: Role = Role.VIEWER
) -> DatasetVersion:
    """Return a dataset version that the user may act on, with its project.

    Raises:
        NotFoundError: No such version, of an archived project, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    version = (
        DatasetVersion.objects.filter(pk=version_id, project__archived_at=None)
        .select_related("project", "created_by", *MADE_OF)
        .first()
    )
    workspace_id = version.project.workspace_id if version else None
    check_member(user, workspace_id, needs, _("dataset version not found"))
    assert version is not None
    return version


def access_dataset_version(*, user: "User", version_id: int) -> DatasetVersionInfo:
    """Return a dataset version that the user may read.

    Raises:
        NotFoundError: No such version, of an archived project, or of strangers.
    """
    return version_info(access_version(user=user, version_id=version_id))


def list_dataset_versions(
    *, user: "User", project_id: int | None = None, workspace_id: int | None = None
) -> list[DatasetVersionInfo]:
    """The dataset versions of the user's projects, newest first."""
    versions = DatasetVersion.objects.filter(
        project__workspace__memberships__user=user, project__archived_at=None
    ).select_related("project")
    if project_id is not None:
        versions = versions.filter(project_id=project_id)
    if workspace_id is not None:
        versions = versions.filter(project__workspace_id=workspace_id)
    return [version_info(row) for row in versions.order_by("-pk")]


def versions_of(*, project_id: int) -> QuerySet[DatasetVersion]:
    """A project's versions, newest first, with who made them."""
    versions = DatasetVersion.objects.filter(project_id=project_id)
    return versions.select_related("created_by", *MADE_OF).order_by("-number")


def version_before(version: DatasetVersion) -> DatasetVersion | None:
    """Return what a version is compared with first.

    The version of the same project made just before; what another one was merged into.
    """
    if version.merged_id is not None:
        return version.parent
    earlier = DatasetVersion.objects.filter(
        project_id=version.project_id, number__lt=version.number
    )
    return earlier.order_by("-number").first()


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that differs, as it was and as it is; drawn from frozen rows.

    Attributes:
        version_id: A version that holds the image.
    """

    difference: ImageDifference
    version_id: int
    image: FrozenImage
    before: Sequence[ItemShape]
    after: Sequence[ItemShape]


def pictures_of(
    told: Sequence[ImageDifference], *, old: DatasetVersion, new: DatasetVersion
) -> list[Picture]:
    """What a page draws of images that differ, in one query."""
    ids = {one.old_id for one in told} | {one.new_id for one in told}
    rows = FrozenImage.objects.in_bulk([pk for pk in ids if pk is not None])
    names = {row["id"]: row["name"] for row in [*old.taxonomy, *new.taxonomy]}

    def shapes(row: FrozenImage | None) -> Sequence[ItemShape]:
        return unfreeze(bytes(row.shapes), row.extras, names) if row else ()

    pictures = []
    for one in told:
        before, after = rows.get(one.old_id or 0), rows.get(one.new_id or 0)
        shown = after or before
        assert shown is not None, "an image that differs is in one version at least"
        pictures.append(
            Picture(
                difference=one,
                version_id=new.pk if after else old.pk,
                image=shown,
                before=shapes(before),
                after=shapes(after),
            )
        )
    return pictures


def pictures_in_versions(
    *, version_ids: Sequence[int], ids: Iterable[int]
) -> dict[int, FrozenPicture]:
    """What to show of some images of dataset versions, in two queries.

    The caller has checked that the user may see the versions.
    """
    rows = VersionImage.objects.filter(
        version_id__in=list(version_ids), image_id__in=set(ids)
    ).select_related("image")
    frozen = list(rows.order_by("version_id"))
    now = Image.objects.filter(
        project_id__in={row.image.project_id for row in frozen},
        sha256__in={row.image.sha256 for row in frozen},
    ).values_list("project_id", "sha256", "pk")
    image_ids = {(project, digest): pk for project, digest, pk in now}
    return {
        row.image_id: FrozenPicture(
            id=row.image_id,
            version_id=row.version_id,
            name=row.image.name,
            width=row.image.width,
            height=row.image.height,
            image_id=image_ids.get((row.image.project_id, row.image.sha256)),
            thumbnail=row.image.thumbnail,
        )
        for row in frozen
    }


def sample_of_version(
    *, version_id: int, split: str = "", num: int, among: Collection[int] | None = None
) -> list[int]:
    """Choose some of a version's images that have objects, always the same ones.

    The caller has checked that the user may see the version.
    """
    rows = VersionImage.objects.filter(
        version_id=version_id, image__num_annotations__gt=0
    )
    if split:
        rows = rows.filter(split=split)
    if among is not None:
        rows = rows.filter(image_id__in=among)
    # A digest is as good as chance, and stays.
    ids = rows.order_by("image__digest").values_list("image_id", flat=True)
    return list(ids[:num])


def version_info(version: DatasetVersion) -> DatasetVersionInfo:
    return DatasetVersionInfo(
        id=version.pk,
        project_id=version.project_id,
        project=version.project.name,
        workspace_id=version.project.workspace_id,
        number=version.number,
        note=version.note,
        content_hash=version.content_hash,
        classes=tuple(row["name"] for row in version.taxonomy),
        num_images=version.num_images,
        num_annotations=version.num_annotations,
        splits=dict(version.splits),
        created_at=version.created_at,
    )
