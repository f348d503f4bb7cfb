"""Reviewing proposals by the page: many decisions, over many images, at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import transaction

from apps.accounts.types import Role
from apps.core.boxes import iou
from apps.labeling import selectors
from apps.labeling.formats.geometry import unpack
from apps.labeling.models import BLIND, Annotation, Image, Prediction, Verdict
from apps.labeling.services import saving
from apps.labeling.services.verdicts import record
from apps.labeling.types import (
    Operation,
    Put,
    Remove,
    Says,
    Shape,
    ShapeKind,
    Source,
)

if TYPE_CHECKING:
    from apps.accounts.models import User

# A shape of its label that covers a proposal this well is already what it would add.
COVERED_IOU = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer says of one proposal.

    Attributes:
        label_id: Its right label where the model took it for another.
    """

    image_id: int
    uid: UUID
    says: Says
    label_id: int | None = None


@transaction.atomic
def judge(*, user: "User", project_id: int, decisions: Sequence[Decision]) -> int:
    """Carry out a reviewer's decisions on a project's proposals.

    Accepted ones become annotations by operations on their image's newest revision, so
    whoever has it open is told; opening one again takes back what was decided.

    Returns:
        How many annotations were added.

    Raises:
        NotFoundError: No such project for this user.
        BadOperationError: A label of another project; nothing was done.
    """
    selectors.access_project(user=user, project_id=project_id, needs=Role.ANNOTATOR)
    by_image: dict[int, list[Decision]] = {}
    for decision in decisions:
        by_image.setdefault(decision.image_id, []).append(decision)
    images = Image.objects.filter(project_id=project_id, pk__in=by_image)
    images = images.exclude(BLIND)
    # In one order for everybody, so that two reviewers cannot block each other.
    return sum(
        _judge_image(user, image, by_image[image.pk])
        for image in images.order_by("pk").select_for_update()
    )


def _judge_image(user: "User", image: Image, decisions: Sequence[Decision]) -> int:
    wanted = {decision.uid: decision for decision in decisions}
    proposals = {
        row.uid: row for row in Prediction.objects.filter(image=image, uid__in=wanted)
    }
    drawn = list(image.annotations.all())
    known = {row.uid for row in drawn}
    operations: list[Operation] = []
    wrong: list[tuple[Prediction, bool]] = []
    for uid, proposal in proposals.items():
        decision = wanted[uid]
        if decision.says is Says.ACCEPT and not _is_drawn(proposal, decision, drawn):
            operations.append(Put(shape=_taken_over(proposal, decision)))
        elif decision.says is not Says.ACCEPT and uid in known:
            operations.append(Remove(id=uid))
        if decision.says is Says.REJECT:
            wrong.append((proposal, False))
    if operations:
        saving.apply_operations(
            user=user,
            image_id=image.pk,
            revision=image.revision,
            key=str(uuid4()),
            operations=operations,
        )
    reopened = [uid for uid, row in wanted.items() if row.says is Says.OPEN]
    Verdict.objects.filter(image=image, uid__in=reopened).delete()
    record(user=user, image=image, judged=wrong)
    return sum(isinstance(row, Put) for row in operations)


def _is_drawn(
    proposal: Prediction, decision: Decision, drawn: Sequence[Annotation]
) -> bool:
    label_id = decision.label_id or proposal.label_id
    return any(
        row.label_id == label_id
        and (row.uid == proposal.uid or iou(row.bbox, proposal.bbox) >= COVERED_IOU)
        for row in drawn
    )


def _taken_over(proposal: Prediction, decision: Decision) -> Shape:
    kind = ShapeKind(proposal.kind)
    return Shape(
        id=proposal.uid,
        label_id=decision.label_id or proposal.label_id,
        kind=kind,
        bbox=proposal.bbox,
        geometry=unpack(kind, bytes(proposal.packed)),
        source=Source.PREDICTION,
        score=proposal.score,
    )
