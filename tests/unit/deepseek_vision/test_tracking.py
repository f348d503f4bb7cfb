"""A planted disc that moves, hides and comes back elsewhere."""

import numpy as np
import pytest

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click.directory import load_click_model
from deepseek_vision.segmentation.tracking.tracker import Tracker, track

SIZE = (240, 180)
RADIUS = 16


@pytest.fixture(scope="module")
def model():
    return load_click_model("click_small")


def _frame(at: tuple[float, float] | None) -> tuple[Picture, np.ndarray]:
    random = np.random.default_rng(3)
    ground = random.integers(60, 110, (SIZE[1] // 6, SIZE[0] // 6, 3))
    pixels = np.kron(ground, np.ones((6, 6, 1))).astype(np.uint8)
    truth = np.zeros(SIZE[::-1], np.bool_)
    if at is not None:
        y, x = np.mgrid[: SIZE[1], : SIZE[0]]
        truth = (x - at[0]) ** 2 + (y - at[1]) ** 2 < RADIUS**2
        pixels[truth] = (220, 170, 60)
        pixels[truth & (x > at[0])] = (160, 60, 40)
    return Picture(pixels=pixels, width=SIZE[0], height=SIZE[1]), truth


def _box(at: tuple[float, float]) -> tuple[float, float, float, float]:
    return at[0] - RADIUS, at[1] - RADIUS, at[0] + RADIUS, at[1] + RADIUS


def _overlap(a, b) -> float:
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    return width * height / (2 * (2 * RADIUS) ** 2 - width * height)


def test_a_moving_disc_is_followed_with_its_mask(model):
    places = [(50.0 + 9 * n, 60.0 + 6 * n) for n in range(6)]
    frames = [_frame(at) for at in places]
    found = list(track(model, (picture for picture, _ in frames), frames[0][1]))
    assert len(found) == 6
    for at, (_, truth), (seen, mask) in zip(places, frames, found, strict=True):
        assert not seen.is_lost
        assert _overlap(seen.box, _box(at)) > 0.75
        assert np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth) > 0.7


def test_what_was_hidden_is_found_again_elsewhere(model):
    tracker = Tracker(model, _frame((60, 60))[0], _box((60, 60)))
    assert tracker.follow(_frame(None)[0]).is_lost
    back = tracker.follow(_frame((190, 120))[0])
    assert not back.is_lost
    assert _overlap(back.box, _box((190, 120))) > 0.6


def test_a_start_that_means_nothing_is_refused(model):
    picture, _ = _frame((60, 60))
    with pytest.raises(ValueError, match="must have an area in the picture"):
        Tracker(model, picture, (300, 10, 320, 30))
    with pytest.raises(ValueError, match="marks nothing"):
        next(track(model, [picture], np.zeros(SIZE[::-1], np.bool_)))
