import numpy as np
import pytest

from deepseek_vision.boxes import iou_matrix, suppress
from deepseek_vision.tiling import is_cut, tile_starts, tile_windows


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def test_iou_equals_counting_cells():
    rng = np.random.default_rng(4)
    corners = rng.integers(0, 12, (30, 2, 2))
    some = np.concatenate([corners.min(axis=1), corners.max(axis=1) + 1], axis=1)
    grid = np.zeros((30, 14, 14), bool)
    for index, (x1, y1, x2, y2) in enumerate(some):
        grid[index, y1:y2, x1:x2] = True
    inside = (grid[:, None] & grid[None]).sum(axis=(2, 3))
    union = (grid[:, None] | grid[None]).sum(axis=(2, 3))

    found = iou_matrix(some.astype(np.float32), some.astype(np.float32))

    np.testing.assert_allclose(found, inside / union, rtol=1e-6)


def test_two_empty_boxes_overlap_by_nothing():
    point = boxes([3, 3, 3, 3])

    assert iou_matrix(point, point).tolist() == [[0.0]]


def test_the_best_of_overlapping_boxes_stays_and_classes_do_not_mix():
    same = boxes([0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 10], [20, 20, 30, 30])
    scores = np.array([0.5, 0.9, 0.4, 0.1], np.float32)
    classes = np.array([0, 0, 1, 0])

    kept = suppress(same, scores, classes, iou_threshold=0.5, max_num=10)

    assert kept.tolist() == [1, 2, 3]


def test_among_equal_scores_the_first_wins():
    same = boxes([0, 0, 10, 10], [0, 0, 10, 10])
    equal = np.array([0.5, 0.5], np.float32)

    kept = suppress(same, equal, np.array([0, 0]), iou_threshold=0.5, max_num=10)

    assert kept.tolist() == [0]


def test_no_boxes_give_no_rows():
    kept = suppress(
        boxes(),
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        iou_threshold=0.5,
        max_num=3,
    )

    assert kept.tolist() == []


def test_no_more_than_asked_stay():
    apart = boxes([0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10])
    scores = np.array([0.1, 0.3, 0.2], np.float32)

    kept = suppress(apart, scores, np.zeros(3, np.int64), iou_threshold=0.5, max_num=2)

    assert kept.tolist() == [1, 2]


@pytest.mark.parametrize("length", [1, 319, 320, 321, 640, 1000, 4096])
def test_tiles_cover_a_side_and_share_enough(length):
    starts = tile_starts(length, tile=320, overlap=0.2)

    ends = [min(start + 320, length) for start in starts]
    assert starts[0] == 0
    assert ends[-1] == length
    assert all(a - b >= 64 for a, b in zip(ends, starts[1:], strict=False))


def test_windows_come_row_by_row():
    assert tile_windows(500, 300, tile=320) == [(0, 0, 320, 300), (180, 0, 500, 300)]


def test_a_box_at_an_inner_border_is_cut_and_one_at_the_edge_is_not():
    some = boxes([0, 5, 50, 50], [300, 5, 320, 50], [100, 5, 150, 50])

    cut = is_cut(some, window=(0, 0, 320, 300), size=(500, 300))

    assert cut.tolist() == [False, True, False]
