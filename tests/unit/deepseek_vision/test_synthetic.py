import hashlib
import json

import numpy as np
import pytest

from deepseek_vision.synthetic import production_line
from deepseek_vision.synthetic.defects import BRUSHES, VISIBLE
from deepseek_vision.synthetic.production_line import draw_scene, write_production_line


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_production_line(tmp_path / name, num_images=3, seed=5)

    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_a_longer_set_begins_with_the_shorter(tmp_path):
    write_production_line(tmp_path / "a", num_images=2, seed=5)
    write_production_line(tmp_path / "b", num_images=3, seed=5)

    for name in ("part_00000.jpg", "part_00001.jpg"):
        assert (tmp_path / "a/images" / name).read_bytes() == (
            tmp_path / "b/images" / name
        ).read_bytes()


def test_the_annotations_are_coco_with_boxes_inside(tmp_path):
    path = write_production_line(tmp_path, num_images=8, seed=2)

    coco = json.loads(path.read_text())

    assert [c["name"] for c in coco["categories"]] == list(BRUSHES)
    assert {i["split"] for i in coco["images"]} == {"train", "val"}
    assert coco["annotations"]
    for item in coco["annotations"]:
        x, y, width, height = item["bbox"]
        assert min(x, y) >= 0
        assert min(width, height) >= 1
        assert x + width <= 640
        assert y + height <= 480


@pytest.mark.parametrize("label", list(BRUSHES))
def test_a_box_bounds_what_the_defect_changed(label):
    rng = np.random.default_rng(9)
    plain = np.full((240, 320, 3), 0.55, np.float32)
    picture = plain.copy()
    add = production_line._add_defect  # noqa: SLF001

    box = add(rng, picture, label, [])

    assert box is not None
    changed = np.abs(picture - plain).max(axis=2) > 0
    rows, columns = (
        np.flatnonzero(changed.any(axis=1)),
        np.flatnonzero(changed.any(axis=0)),
    )
    # Outside the box only the faint edge of the mask may differ.
    assert columns[0] <= box[0] < box[2] <= columns[-1] + 1
    assert rows[0] <= box[1] < box[3] <= rows[-1] + 1
    x1, y1, x2, y2 = (int(v) for v in box)
    outside = changed.copy()
    outside[y1:y2, x1:x2] = False
    faint = np.abs(picture - plain).max(axis=2)[outside]
    assert faint.max(initial=0) <= VISIBLE + 1e-6


def test_scenes_differ_and_some_are_clean():
    scenes = [draw_scene(np.random.default_rng([3, n])) for n in range(40)]

    assert any(not scene.labels for scene in scenes)
    assert len({label for scene in scenes for label in scene.labels}) == len(BRUSHES)


def test_an_empty_set_is_refused(tmp_path):
    with pytest.raises(ValueError, match="num_images must be at least 1, got 0"):
        write_production_line(tmp_path, num_images=0, seed=1)
