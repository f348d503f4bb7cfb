"""Any moment of an image or a project can be had again, from the log of operations."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.labeling import selectors
from apps.labeling.errors import NoSuchMomentError
from apps.labeling.formats.geometry import pack, unpack
from apps.labeling.models import Annotation, Image, Label, OperationLog
from apps.labeling.services import saving
from apps.labeling.types import Operation, Put, Remove, Shape, ShapeKind, Source

if TYPE_CHECKING:
    from apps.accounts.models import User

Shapes = dict[UUID, Shape]
# Columns that came later: what the log says of them where it is silent.
ALL_FIELDS = ("id", "label_id", "kind", "bbox", "geometry", "source", "score",
              "attributes", "is_occluded", "is_truncated", "group", "layer")  # fmt: skip


def replay(rows: Iterable[OperationLog]) -> Shapes:
    """What an image held after these batches, the oldest first."""
    shapes: Shapes = {}
    for row in rows:
        for operation in row.operations:
            if operation["op"] == "remove":
                shapes.pop(UUID(operation["id"]), None)
            else:
                shape = _shape(operation["shape"])
                shapes[shape.id] = shape
    return shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one batch did, by label; a removed shape's label is not in the log."""

    put: dict[str, int]
    num_removed: int


def summary(row: OperationLog, *, names: Mapping[int, str]) -> Summary:
    put = Counter(
        names.get(operation["shape"]["label_id"], "?")
        for operation in row.operations
        if operation["op"] == "put"
    )
    return Summary(put=dict(put), num_removed=len(row.operations) - put.total())


@transaction.atomic
def restore_image(*, user: "User", image_id: int, revision: int) -> int:
    """Bring an image back to a revision, by operations on top of the newest.

    So restoring loses nothing either: it is one more entry of the log, and can itself be
    taken back. Shapes whose label is no more stay away.

    Returns:
        The new revision; the old one where nothing differed.

    Raises:
        NotFoundError: No such image for this user.
        NoSuchMomentError: It never had that revision.
    """
    image = selectors.access_image(
        user=user, image_id=image_id, needs=Role.ANNOTATOR, lock=True
    )
    if not 0 <= revision <= image.revision:
        raise NoSuchMomentError(
            _("the image has revisions 0 to {revision}, not {asked}").format(
                revision=image.revision, asked=revision
            )
        )
    return _restore(user, image, image.log.filter(revision__lte=revision))


@transaction.atomic
def restore_project(*, user: "User", project_id: int, at: datetime) -> int:
    """Bring all images of a project back to a moment; later images stay, emptied.

    Returns:
        How many images changed.

    Raises:
        NotFoundError: No such project for this user.
        RoleTooLowError: It takes a manager.
    """
    project = selectors.access_project(
        user=user, project_id=project_id, needs=Role.MANAGER
    )
    images = Image.objects.filter(project=project, log__at__gt=at).distinct()
    ids = sorted(images.values_list("pk", flat=True))
    changed = 0
    for image in Image.objects.filter(pk__in=ids).order_by("pk").select_for_update():
        revision = image.revision
        changed += _restore(user, image, image.log.filter(at__lte=at)) != revision
    audit(
        action="project.restored",
        target=project,
        actor=user,
        workspace_id=project.workspace_id,
        at=at.isoformat(),
        num_images=changed,
    )
    return changed


def _restore(user: "User", image: Image, rows: Any) -> int:
    labels = set(
        Label.objects.filter(project_id=image.project_id).values_list("pk", flat=True)
    )
    wanted = {
        uid: shape
        for uid, shape in replay(rows.order_by("revision").iterator()).items()
        if shape.label_id in labels
    }
    now = {row.uid: stated(row) for row in image.annotations.all()}
    operations: list[Operation] = [Remove(id=uid) for uid in now.keys() - wanted.keys()]
    operations += [
        Put(shape=shape) for uid, shape in wanted.items() if now.get(uid) != shape
    ]
    if not operations:
        return image.revision
    return saving.apply_operations(
        user=user,
        image_id=image.pk,
        revision=image.revision,
        key=f"restore-{uuid4()}",
        operations=operations,
    )


def stated(row: Annotation) -> Shape:
    """An annotation as the client that drew it stated it."""
    kind = ShapeKind(row.kind)
    return Shape(
        id=row.uid,
        label_id=row.label_id,
        kind=kind,
        bbox=row.bbox,
        geometry=unpack(kind, bytes(row.packed)),
        source=Source(row.source),
        score=row.score,
        attributes=row.attributes,
        is_occluded=row.is_occluded,
        is_truncated=row.is_truncated,
        group=row.group,
        layer=row.layer,
    )


def _shape(logged: dict[str, Any]) -> Shape:
    fields = {name: logged[name] for name in ALL_FIELDS if name in logged}
    group = fields.get("group")
    kind = ShapeKind(fields["kind"])
    return Shape(
        **{
            **fields,
            "id": UUID(fields["id"]),
            "kind": kind,
            # As it was stored: packing rounds.
            "geometry": unpack(kind, pack(kind, fields["geometry"])),
            "bbox": tuple(fields["bbox"]),
            "source": Source(fields["source"]),
            "group": UUID(group) if group else None,
        }
    )
