import math
import random

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from apps.labeling.errors import BadOperationError
from apps.labeling.formats.coco import segmentation_of
from apps.labeling.formats.geometry import bounds, mask_runs, outline, pack, unpack
from apps.labeling.formats.items import ItemShape
from apps.labeling.types import ShapeKind

# pycocotools speaks to numpy in the way of numpy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")

SQUARE = [[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]
HOLE = [[2.0, 2.0], [4.0, 2.0], [4.0, 5.0], [2.0, 5.0]]
GEOMETRIES = {
    ShapeKind.POLYGON: {"points": SQUARE, "holes": [HOLE]},
    ShapeKind.POLYLINE: {"points": SQUARE[:2]},
    ShapeKind.POINTS: {"points": SQUARE[:1]},
    ShapeKind.ROTATED_BOX: {"center": [5.5, 6.5], "size": [4.0, 2.0], "angle": 30.0},
    ShapeKind.ELLIPSE: {"center": [5.5, 6.5], "radii": [4.0, 2.0], "angle": -30.0},
    ShapeKind.SKELETON: {"points": SQUARE[:3], "visible": [2, 0, 1]},
    ShapeKind.MASK: {"origin": [3, 4], "size": [2, 3], "counts": [1, 3, 2]},
}


def random_mask(rng: random.Random) -> tuple[np.ndarray, dict[str, object]]:
    """A picture of 0 and 1, and its tight rectangle in runs."""
    width, height = rng.randint(2, 12), rng.randint(2, 12)
    x, y = rng.randint(0, width - 1), rng.randint(0, height - 1)
    across, down = rng.randint(1, width - x), rng.randint(1, height - y)
    cells = [[rng.randint(0, 1) for _ in range(across)] for _ in range(down)]
    image = np.zeros((height, width), dtype=np.uint8)
    image[y : y + down, x : x + across] = cells
    counts, value = [0], 0
    for cell in image[y : y + down, x : x + across].flatten(order="F"):
        if cell != value:
            counts.append(0)
            value = cell
        counts[-1] += 1
    return image, {"origin": [x, y], "size": [across, down], "counts": counts}


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_what_is_packed_comes_back(kind: ShapeKind):
    assert unpack(kind, pack(kind, GEOMETRIES[kind])) == GEOMETRIES[kind]


def test_a_box_is_its_bounding_box():
    assert (pack(ShapeKind.BOX, None), unpack(ShapeKind.BOX, b"")) == (b"", None)


def test_the_bounds_of_a_skeleton_leave_out_joints_that_nobody_has_placed():
    geometry = {"points": [[5, 5], [900, 900], [20, 8]], "visible": [2, 0, 1]}

    packed = pack(ShapeKind.SKELETON, geometry)

    assert bounds(ShapeKind.SKELETON, packed) == (5, 5, 20, 8)


@pytest.mark.parametrize("visible", [[2], [0, 0], [2, 3]])
def test_a_skeleton_needs_a_visibility_a_joint(visible: list[int]):
    geometry = {"points": [[5, 5], [9, 9]], "visible": visible}

    with pytest.raises(BadOperationError, match="visib"):
        pack(ShapeKind.SKELETON, geometry)


def test_the_bounds_of_a_turned_box_hold_its_corners():
    geometry = {"center": [10, 10], "size": [8, 4], "angle": 90}

    found = bounds(ShapeKind.ROTATED_BOX, pack(ShapeKind.ROTATED_BOX, geometry))

    assert found == pytest.approx((8, 6, 12, 14))


def test_the_outline_of_an_ellipse_has_its_area():
    packed = pack(ShapeKind.ELLIPSE, {"center": [0, 0], "radii": [20, 10], "angle": 17})
    (ring,) = outline(ShapeKind.ELLIPSE, packed)

    following = [*ring[1:], ring[0]]
    area = (
        sum(x * v - u * y for (x, y), (u, v) in zip(ring, following, strict=True)) / 2
    )

    assert area == pytest.approx(math.pi * 200, rel=0.002)


@pytest.mark.parametrize("seed", range(40))
def test_runs_over_the_image_draw_the_same_mask(seed: int):
    image, geometry = random_mask(random.Random(seed))
    height, width = image.shape

    runs = mask_runs(pack(ShapeKind.MASK, geometry), width=width, height=height)

    encoded = coco_mask.frPyObjects(
        {"size": [height, width], "counts": runs}, height, width
    )
    assert np.array_equal(coco_mask.decode(encoded), image)


def test_a_hole_is_left_out_of_what_coco_draws():
    shape = ItemShape(
        label="plate",
        kind=ShapeKind.POLYGON,
        bbox=(0, 0, 10, 10),
        packed=pack(ShapeKind.POLYGON, GEOMETRIES[ShapeKind.POLYGON]),
    )

    segmentation, area = segmentation_of(shape, 12, 12)

    drawn = coco_mask.decode(coco_mask.frPyObjects(segmentation, 12, 12))[..., 0]
    assert area == 94
    assert (drawn[1, 1], drawn[3, 3], drawn[8, 8], drawn[11, 11]) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("kind", "geometry", "reason"),
    [
        (ShapeKind.POLYGON, None, "needs a geometry"),
        (ShapeKind.POLYGON, {"points": SQUARE[:2]}, "2 points are fewer than 3"),
        (ShapeKind.POLYGON, {"points": [[0, 0], [1, 1], [1]]}, "not the geometry"),
        (ShapeKind.POLYLINE, {"points": [[0, 0], [math.nan, 1]]}, "nan is not"),
        (ShapeKind.POINTS, {}, "not the geometry"),
        (
            ShapeKind.ELLIPSE,
            {"center": [0, 0], "radii": [0, 3], "angle": 0},
            "above 0, got 0 x 3",
        ),
        (
            ShapeKind.MASK,
            {"origin": [0, 0], "size": [2, 2], "counts": [3]},
            "cover 3 pixels of 2 x 2",
        ),
        (
            ShapeKind.MASK,
            {"origin": [0, 0], "size": [2, 2], "counts": [5, -1]},
            "not the geometry",
        ),
    ],
)
def test_what_is_no_geometry_is_refused(
    kind: ShapeKind, geometry: dict[str, object] | None, reason: str
):
    with pytest.raises(BadOperationError, match=reason):
        pack(kind, geometry)
