"""Which shapes of several people are the same object."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from apps.labeling.agreement.drawn import Drawn, likeness

SAME_OBJECT_IOU = 0.5
Cluster = dict[int, Drawn]  # by person


def clusters(
    drawn: Mapping[int, Sequence[Drawn]], *, min_iou: float = SAME_OBJECT_IOU
) -> list[Cluster]:
    """Group the shapes of each object, at most one a person.

    The most alike pairs come first, those of one label before others, so that a wrong
    label counts as one object seen differently and not as two objects.
    """
    shapes = [(person, one) for person, row in sorted(drawn.items()) for one in row]
    pairs = [
        (a[1].label_id != b[1].label_id, -alike, str(a[1].uid), str(b[1].uid), a, b)
        for a, b in combinations(shapes, 2)
        if a[0] != b[0] and (alike := likeness(a[1], b[1])) >= min_iou
    ]
    home: dict[tuple[int, str], Cluster] = {
        (person, str(one.uid)): {person: one} for person, one in shapes
    }
    for *_rank, (person, one), (other, two) in sorted(pairs, key=lambda row: row[:4]):
        mine, theirs = home[person, str(one.uid)], home[other, str(two.uid)]
        if mine is theirs or mine.keys() & theirs.keys():
            continue
        mine.update(theirs)
        for who, moved in theirs.items():
            home[who, str(moved.uid)] = mine
    found = {id(cluster): cluster for cluster in home.values()}
    return list(found.values())


def f1(
    a: Sequence[Drawn], b: Sequence[Drawn], *, min_iou: float = SAME_OBJECT_IOU
) -> float:
    """Share of the two people's shapes that the other has too, with the same label.

    It is the F1 of one against the other, whichever is taken for the truth; two people
    who both see nothing agree fully.
    """
    if not a and not b:
        return 1.0
    pairs = [row for row in clusters({0: a, 1: b}, min_iou=min_iou) if len(row) == 2]
    same = sum(row[0].label_id == row[1].label_id for row in pairs)
    return 2 * same / (len(a) + len(b))
