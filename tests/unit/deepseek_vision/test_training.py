import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from deepseek_vision import events
from deepseek_vision.augmentation import NONE, Augmentation
from deepseek_vision.data.augment import Augmenter
from deepseek_vision.data.coco import (
    PackedSet,
    pack,
    read_coco,
    read_together,
    sampling_weights,
)
from deepseek_vision.errors import DatasetError
from deepseek_vision.measure import evaluate_served
from deepseek_vision.metrics import as_results, as_truth, average_precision
from deepseek_vision.training.ema import SlowCopy
from deepseek_vision.training.recipe import Recipe, preset
from deepseek_vision.training.run import Job, train


@pytest.fixture(scope="module")
def packed(line):
    return pack(read_coco(line), side=160)


def generator():
    return torch.Generator().manual_seed(5)


def test_without_augmentation_a_square_batch_is_the_set_itself():
    noise = torch.randint(0, 256, (3, 3, 64, 64), generator=generator())
    boxes = torch.tensor([[5.0, 6, 30, 40], [8.0, 8, 50, 20]]).expand(3, 2, 4)
    packed = pack_of(noise.to(torch.uint8), boxes)

    batch = Augmenter(packed, NONE, generator()).draw(torch.arange(3), side=64)

    torch.testing.assert_close(batch.images, noise.float(), atol=1e-2, rtol=0)
    torch.testing.assert_close(batch.boxes[:, :2], boxes, atol=1e-3, rtol=0)
    assert batch.labels[:, :2].tolist() == [[0, 0]] * 3
    assert (batch.labels[:, 2:] == -1).all()


def test_a_flip_mirrors_pixels_and_boxes_alike(packed):
    flipped = Augmentation(**{**_fields(NONE), "flip_share": 1.0})
    batch = Augmenter(packed, flipped, generator()).draw(torch.arange(2), side=160)

    plain = Augmenter(packed, NONE, generator()).draw(torch.arange(2), side=160)
    torch.testing.assert_close(
        batch.images[..., :120, :],
        plain.images[..., :120, :].flip(-1),
        atol=1e-2,
        rtol=0,
    )
    real = plain.labels >= 0
    torch.testing.assert_close(
        batch.boxes[real][:, [2, 0]],
        160 - plain.boxes[real][:, [0, 2]],
        atol=1e-3,
        rtol=0,
    )


def _fields(recipe):
    return {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}


def test_boxes_still_bound_their_pixels_after_any_view():
    """A white rectangle on black, seen in many ways, is where its box says."""
    images = torch.zeros(1, 3, 96, 96, dtype=torch.uint8)
    images[..., 30:60, 20:70] = 255
    packed = pack_of(images, torch.tensor([[[20.0, 30.0, 70.0, 60.0]]]))
    recipe = Augmentation(mosaic_share=0.5, mixup_share=0, colour=0, aspect=0.4)
    batch = Augmenter(packed, recipe, generator()).draw(
        torch.zeros(64, dtype=torch.long), side=96
    )

    checked = 0
    for image, boxes, labels in zip(*batch, strict=True):
        for x1, y1, x2, y2 in boxes[labels >= 0].tolist():
            middle = image[0, int((y1 + y2) / 2), int((x1 + x2) / 2)]
            assert middle > 200
            checked += 1
    assert checked > 64


def pack_of(images, boxes):
    side = float(images.shape[-1])
    template = {"sizes": torch.full((len(images), 2), side), "classes": ("thing",)}
    labels = torch.zeros(boxes.shape[:2], dtype=torch.long)
    return PackedSet(images=images, boxes=boxes, labels=labels, **template)


def test_the_same_state_draws_the_same_batch(packed):
    a, b = (
        Augmenter(packed, Augmentation(), generator()).draw(torch.arange(4), side=96)
        for _ in "ab"
    )

    assert torch.equal(a.images, b.images)
    assert torch.equal(a.boxes, b.boxes)


def test_rare_classes_are_shown_more_often():
    images = torch.zeros(100, 3, 8, 8, dtype=torch.uint8)
    packed = pack_of(images, torch.zeros(100, 1, 4))
    packed.labels[0] = 1
    two = type(packed)(**{**_fields(packed), "classes": ("often", "rarely")})

    weights = sampling_weights(two)

    assert weights[1].item() == 1.0
    assert weights[0].item() == pytest.approx((0.1 / 0.01) ** 0.5)


def test_sets_of_different_classes_are_one_set(line, tmp_path):
    other = tmp_path / "annotations.json"
    coco = json.loads((line / "annotations.json").read_text())
    coco["categories"][0]["name"] = "quite new"
    other.write_text(json.dumps(coco))
    (tmp_path / "images").symlink_to(line / "images")

    both = read_together([line, tmp_path], splits=("train", "val"))

    assert both.classes[-1] == "quite new"
    assert len(both.classes) == 7
    assert [image["id"] for image in both.images] == list(range(1, 17))
    assert len(pack(both, side=32)) == 16


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not COCO"),
        ('{"images": []}', "not COCO"),
        ('{"images": [], "annotations": [], "categories": []}', "no image in"),
    ],
)
def test_what_is_not_coco_is_refused(tmp_path, content, message):
    (tmp_path / "annotations.json").write_text(content)

    with pytest.raises(DatasetError, match=message):
        read_coco(tmp_path, splits=("train",))


def test_a_missing_picture_is_named(line, tmp_path):
    (tmp_path / "annotations.json").write_text((line / "annotations.json").read_text())

    with pytest.raises(DatasetError, match=r"part_00000\.jpg: no such file"):
        pack(read_coco(tmp_path), side=32)


def test_perfect_answers_score_one_and_none_score_nothing(line):
    coco = read_coco(line)
    truth = as_truth(coco)
    results = []
    for item in truth["annotations"]:
        x, y, width, height = item["bbox"]
        results += as_results(
            item["image_id"],
            np.array([[x, y, x + width, y + height]], np.float32),
            np.array([0.9], np.float32),
            np.array([item["category_id"]]),
        )

    assert average_precision(truth, results)["AP"] == pytest.approx(1.0)
    assert average_precision(truth, [])["AP"] == 0.0


def test_a_difficult_object_counts_neither_way(line):
    coco = read_coco(line)
    truth = as_truth(coco)
    for item in truth["annotations"]:
        item["iscrowd"] = 1
    kept = truth["annotations"][0]
    kept["iscrowd"] = 0
    x, y, width, height = kept["bbox"]
    results = as_results(
        kept["image_id"],
        np.array([[x, y, x + width, y + height]], np.float32),
        np.array([0.9], np.float32),
        np.array([kept["category_id"]]),
    )

    assert average_precision(truth, results)["AP"] == pytest.approx(1.0)


def test_the_slow_copy_is_the_average_it_claims(nano):
    slow = SlowCopy(nano, decay=0.5, ramp=1)
    first = next(slow.model.parameters()).clone()
    with torch.no_grad():
        moved = SlowCopy(nano).model
        next(moved.parameters()).add_(1.0)

    slow.update(moved)

    decay = 0.5 * (1 - np.exp(-1))
    torch.testing.assert_close(
        next(slow.model.parameters()), first + (1 - decay), atol=1e-5, rtol=1e-5
    )


def test_unknown_presets_and_impossible_numbers_are_refused():
    with pytest.raises(DatasetError, match="no preset 'magic'; there are: standard"):
        preset("magic")
    with pytest.raises(ValueError, match="side_px must be a multiple of 32, got 100"):
        Recipe(side_px=100)


def short(**changes):
    return preset(
        "quick",
        **{"num_steps": 3, "batch_size": 2, "side_px": 96, "seed": 1, **changes},
    )


def test_the_same_seed_trains_the_same_model(line, tmp_path):
    weights = []
    for name in ("a", "b"):
        job = Job(data=(line,), out=tmp_path / name, name=name)
        train(job, short(), report=str)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())

    assert weights[0] == weights[1]


def test_a_run_reports_from_start_to_finish_and_leaves_a_model(line, tmp_path):
    said = []

    train(
        Job(data=(line,), out=tmp_path / "m", name="mine"),
        short(num_steps=20),
        report=said.append,
    )

    assert [event.type for event in said] == [
        "training_started",
        "step_done",
        "evaluation_done",
        "training_finished",
    ]
    assert isinstance(said[-1], events.TrainingFinished)
    assert {p.name for p in (tmp_path / "m").iterdir()} == {
        "config.json",
        "evaluation.json",
        "model.int8.onnx",
        "model.onnx",
        "model.safetensors",
        "prompts.safetensors",
        "recipe.json",
    }


def test_a_run_goes_on_from_where_a_shipped_model_stands(line, tmp_path):
    job = Job(
        data=(line,), out=tmp_path / "m", name="mine", start_from="deepseek_vision_v2"
    )
    changes = {"size": "small", "side_px": 320, "batch_size": 4}

    train(job, preset("fast", num_steps=3, **changes), report=str)

    shipped = evaluate_served("deepseek_vision_v2", line, precision="fp32")
    trained = evaluate_served(tmp_path / "m", line, precision="fp32")
    assert trained["AP"] > shipped["AP"] / 2 > 0.2


def test_a_run_told_to_stop_still_leaves_its_model(line, tmp_path):
    job = Job(data=(line,), out=tmp_path / "m", name="mine")

    train(job, short(num_steps=10**6), report=str, should_stop=lambda: True)

    assert (tmp_path / "m" / "model.int8.onnx").is_file()


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """Red squares and green discs on grey noise, forty small pictures."""
    folder = tmp_path_factory.mktemp("shapes")
    (folder / "images").mkdir()
    rng = np.random.default_rng(2)
    images, annotations = [], []
    for number in range(1, 41):
        noise = rng.integers(60, 140, (64, 64, 1), dtype=np.uint8)
        picture = Image.fromarray(np.repeat(noise, 3, axis=2))
        pen = ImageDraw.Draw(picture)
        for category in (1, 2):
            side = int(rng.integers(14, 26))
            x = int(
                rng.integers(0, 32 - side)
                if category == 1
                else rng.integers(32, 64 - side)
            )
            y = int(rng.integers(0, 64 - side))
            corners = (x, y, x + side - 1, y + side - 1)
            if category == 1:
                pen.rectangle(corners, fill=(220, 20, 20))
            else:
                pen.ellipse(corners, fill=(20, 200, 40))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "bbox": [x, y, side, side],
                }
            )
        name = f"{number}.png"
        picture.save(folder / "images" / name)
        split = "val" if number > 30 else "train"
        images.append(
            {"id": number, "file_name": name, "width": 64, "height": 64, "split": split}
        )
    names = [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}]
    coco = {"images": images, "annotations": annotations, "categories": names}
    (folder / "annotations.json").write_text(json.dumps(coco))
    return folder


def test_a_training_from_nothing_finds_what_it_has_not_seen(shapes, tmp_path):
    recipe = short(
        num_steps=150, batch_size=16, side_px=64, lr=4e-3, ema_decay=0.95, ema_ramp=20
    )
    folder = tmp_path / "m"

    train(Job(data=(shapes,), out=folder, name="shapes"), recipe, report=str)

    for precision in ("fp32", "int8"):
        metrics = evaluate_served(folder, shapes, precision=precision)
        assert metrics["AP50"] >= 0.9
