"""What the majority of several people drew.

Existence by absolute majority, the label by plurality, a box by the median of each side,
which a single person's slip does not move; ties go to a person.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from apps.labeling.agreement.drawn import Drawn, likeness
from apps.labeling.agreement.matching import SAME_OBJECT_IOU, Cluster, clusters
from apps.labeling.formats.geometry import BBox
from apps.labeling.types import ShapeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """An object that most people drew.

    Attributes:
        like: The shape to take over, the one most like the others.
        bbox: For boxes each side where the median has it, else that shape's own.
    """

    like: Drawn
    label_id: int
    bbox: BBox
    num_votes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """Objects by majority, and those on which there is none: existence or label tied."""

    agreed: Sequence[Agreed]
    disputed: Sequence[Cluster]


def consensus(
    drawn: Mapping[int, Sequence[Drawn]], *, min_iou: float = SAME_OBJECT_IOU
) -> Consensus:
    """Join what people drew on one image: an object stays if more than half drew it.

    Its label is the one that most of those gave it.
    """
    agreed: list[Agreed] = []
    disputed: list[Cluster] = []
    for cluster in clusters(drawn, min_iou=min_iou):
        if 2 * len(cluster) < len(drawn):
            continue
        (label_id, votes), *others = Counter(
            one.label_id for one in cluster.values()
        ).most_common()
        is_tied = bool(others) and others[0][1] == votes
        if 2 * len(cluster) == len(drawn) or is_tied:
            disputed.append(cluster)
            continue
        agreed.append(_joined(cluster, label_id))
    return Consensus(agreed=agreed, disputed=disputed)


def _joined(cluster: Cluster, label_id: int) -> Agreed:
    shapes = [one for _person, one in sorted(cluster.items())]
    like = max(shapes, key=lambda one: sum(likeness(one, two) for two in shapes))
    bbox = like.bbox
    if all(one.kind is ShapeKind.BOX for one in shapes):
        x1, y1, x2, y2 = (
            median(side) for side in zip(*(one.bbox for one in shapes), strict=True)
        )
        bbox = (x1, y1, x2, y2)
    return Agreed(like=like, label_id=label_id, bbox=bbox, num_votes=len(shapes))
