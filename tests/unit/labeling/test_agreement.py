"""Agreement and consensus against published examples and hand-made ones."""

import uuid

import pytest

from apps.labeling.agreement.alpha import alpha, tally
from apps.labeling.agreement.consensus import consensus
from apps.labeling.agreement.drawn import Drawn, likeness
from apps.labeling.agreement.intervals import alpha_of, mean_of
from apps.labeling.agreement.matching import clusters, f1
from apps.labeling.formats.geometry import bounds, pack
from apps.labeling.types import ShapeKind

CAR, VAN = 1, 2
# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011): sections A, B and C.
BINARY = ("0100000010", "1110010000")
NOMINAL = ("aabbdcccedda", "babbbccceddd")
WITH_GAPS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")

# How many of 14 people chose each of five values for ten subjects: the worked example of
# Wikipedia's article on Fleiss' kappa (.210), not of his paper. Beside it each subject's
# most frequent value; None for a tie.
VOTES = [
    ((0, 0, 0, 0, 14), 5),
    ((0, 2, 6, 4, 2), 3),
    ((0, 0, 3, 5, 6), 5),
    ((0, 3, 9, 2, 0), 3),
    ((2, 2, 8, 1, 1), 3),
    ((7, 7, 0, 0, 0), None),
    ((3, 2, 6, 3, 0), 3),
    ((2, 5, 3, 2, 2), 2),
    ((6, 5, 2, 1, 0), 1),
    ((0, 2, 2, 3, 7), 5),
]


def units(*observers: str) -> list[list[str]]:
    return [[v for v in unit if v != "."] for unit in zip(*observers, strict=True)]


@pytest.mark.parametrize(
    ("observers", "published"),
    [(BINARY, 0.095), (NOMINAL, 0.692), (WITH_GAPS, 0.743)],
)
def test_alpha_is_that_of_krippendorffs_own_examples(observers, published):
    found = alpha(tally(units(*observers)))

    assert found == pytest.approx(published, abs=5e-4)


def test_alpha_over_many_people_is_fleiss_kappa_but_for_the_size_of_the_sample():
    said = [[v for v, num in enumerate(row) for _ in range(num)] for row, _ in VOTES]

    found = alpha(tally(said))

    # Kappa expects what is drawn with return, alpha without: of 140 votes.
    assert found == pytest.approx(1 - (1 - 0.210) * 139 / 140, abs=5e-4)


def test_alpha_is_one_where_all_agree_and_undefined_where_nothing_varies():
    assert alpha(tally(["aa", "bb"])) == 1
    assert alpha(tally(["aa", "aa"])) is None
    assert alpha(tally(["a"])) is None


def test_alpha_over_images_is_that_of_all_their_units():
    all_units = units(*WITH_GAPS)
    images = [tally(all_units[at : at + 3]) for at in range(0, 12, 3)]

    found = alpha_of(images)

    assert found is not None
    assert found.value == pytest.approx(0.743, abs=5e-4)
    assert found.low <= found.value <= found.high
    assert found.num == 4


def test_the_interval_of_a_mean_is_the_normal_one_for_many_images():
    values = [0.0, 1.0] * 200

    found = mean_of(values)

    assert found is not None
    assert found.value == 0.5
    assert found.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.005)
    assert found.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.005)
    assert mean_of([]) is None


def box(x: float, label_id: int = CAR, *, y: float = 0, side: float = 10) -> Drawn:
    return Drawn(
        uid=uuid.uuid4(),
        label_id=label_id,
        kind=ShapeKind.BOX,
        bbox=(x, y, x + side, y + side),
        side_px=100,
    )


def outlined(kind: ShapeKind, **geometry: object) -> Drawn:
    packed = pack(kind, geometry)
    return Drawn(
        uid=uuid.uuid4(),
        label_id=CAR,
        kind=kind,
        bbox=bounds(kind, packed),
        packed=packed,
        side_px=100,
    )


def test_f1_counts_an_object_once_and_only_with_its_label():
    mine = [box(0), box(50), box(80, VAN)]
    theirs = [box(1), box(0, y=1), box(51, VAN), box(80, VAN)]

    assert f1(mine, theirs) == pytest.approx(2 * 2 / 7)
    assert f1(theirs, mine) == pytest.approx(2 * 2 / 7)
    assert f1([], []) == 1
    assert f1(mine, []) == 0


def test_two_objects_close_together_stay_two():
    found = clusters({1: [box(0), box(4)], 2: [box(0), box(4)], 3: [box(3.9)]})

    assert sorted(len(row) for row in found) == [2, 3]


def test_outlines_are_compared_by_what_they_cover():
    ring = [[0, 0], [40, 0], [40, 40], [0, 40]]
    square = outlined(ShapeKind.POLYGON, points=ring, holes=[])
    triangle = outlined(ShapeKind.POLYGON, points=ring[:3], holes=[])
    hollow = outlined(
        ShapeKind.POLYGON,
        points=ring,
        holes=[[[10, 10], [30, 10], [30, 30], [10, 30]]],
    )
    mask = outlined(ShapeKind.MASK, origin=[0, 0], size=[40, 40], counts=[0, 800, 800])

    assert likeness(square, box(0, side=40)) == pytest.approx(1, abs=0.02)
    assert likeness(square, triangle) == pytest.approx(0.5, abs=0.02)
    assert likeness(square, hollow) == pytest.approx(0.75, abs=0.02)
    assert likeness(mask, box(0, side=20)) == pytest.approx(0.5, abs=0.02)
    assert likeness(mask, square) == pytest.approx(0.5, abs=0.02)


def test_points_a_hair_apart_are_the_same_and_far_apart_are_not():
    here = outlined(ShapeKind.POINTS, points=[[10, 10]])
    near = outlined(ShapeKind.POINTS, points=[[10.2, 10.2]])
    far = outlined(ShapeKind.POINTS, points=[[30, 10]])

    assert likeness(here, near) > 0.5
    assert likeness(here, far) == 0
    assert likeness(here, box(9, side=2)) == 0


def test_the_majority_decides_and_boxes_take_the_median():
    found = consensus(
        {
            1: [box(0), box(50)],
            2: [box(2), box(50, VAN)],
            3: [box(1), box(50), box(90)],
        }
    )

    assert not found.disputed
    assert [(one.label_id, one.bbox[0], one.num_votes) for one in found.agreed] == [
        (CAR, 1, 3),
        (CAR, 50, 3),
    ]


def test_a_tie_is_left_to_a_person():
    found = consensus({1: [box(0), box(50)], 2: [box(0, VAN)]})

    assert not found.agreed
    assert sorted(len(row) for row in found.disputed) == [1, 2]


@pytest.mark.parametrize(("votes", "most_frequent"), VOTES)
def test_the_label_is_the_most_frequent_of_wikipedias_worked_example(
    votes, most_frequent
):
    said = [value for value, num in enumerate(votes, start=1) for _ in range(num)]

    found = consensus({person: [box(0, label)] for person, label in enumerate(said)})

    assert [one.label_id for one in found.agreed] == [most_frequent] * bool(
        most_frequent
    )
    assert [len(one) for one in found.disputed] == [14] * (most_frequent is None)


def test_one_persons_slip_does_not_move_the_box_as_it_would_the_mean():
    # Median and mean of 2, 3 and 25: 3 and 10; all three are one object at any overlap.
    drawn = {1: [box(2, side=40)], 2: [box(3, side=40)], 3: [box(25, side=40)]}

    found = consensus(drawn, min_iou=0.1)

    assert [one.bbox for one in found.agreed] == [(3, 0, 43, 40)]
