import copy
import json

import pytest
import torch

from deepseek_vision import events
from deepseek_vision.compression import (
    Workshop,
    distill_model,
    prune_model,
    quantize_model,
)
from deepseek_vision.data.coco import pack, read_coco
from deepseek_vision.errors import DatasetError, VisionError
from deepseek_vision.front import Flow, Measured, Target, compress
from deepseek_vision.hub import find_model
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.prune import hidden_widths, kept_widths, prune
from deepseek_vision.quantize import EARLY, read_plan
from deepseek_vision.synthetic.defects import CLASS_NAMES
from deepseek_vision.training.distill import Follower, Lesson, correlation_loss
from deepseek_vision.training.run import restore


@pytest.fixture(scope="module")
def prompts():
    return class_embeddings(CLASS_NAMES)


def shop(line, said=None, stop=lambda: False):
    listen = said.append if said is not None else str
    return Workshop(data=(line,), report=listen, should_stop=stop)


SHORT = Lesson(num_steps=2, batch_size=2, seed=3)


def test_pruning_everything_but_nothing_changes_nothing(nano, prompts):
    kept, options = prune(
        nano, size="nano", options={}, hidden=hidden_widths(nano.backbone)
    )

    images = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        a, b = (m(images, torch.from_numpy(prompts)) for m in (nano, kept))
    assert torch.equal(a.logits_BAP, b.logits_BAP)
    assert list(options) == ["hidden"]


def test_pruning_keeps_the_channels_that_matter(nano):
    """Channels that say nothing go first, and the answer stays the same."""
    model = copy.deepcopy(nano)
    widths = kept_widths(model.backbone, keep=0.5)
    block = next(b for b in model.backbone.stages[1])
    with torch.no_grad():
        dead = torch.arange(len(block.body[1][1].weight)) % 2 == 1
        block.body[2][0].weight[:, dead] = 0
    images = torch.rand(1, block.body[0][0].in_channels, 16, 16)
    expected = block(images)
    full = hidden_widths(model.backbone)

    small, _ = prune(
        model, size="nano", options={}, hidden=[full[0], widths[1], *full[2:]]
    )

    got = next(b for b in small.backbone.stages[1])(images)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("keep", [0.0, 1.5])
def test_an_impossible_share_is_refused(nano, keep):
    with pytest.raises(ValueError, match="keep must be in"):
        kept_widths(nano.backbone, keep=keep)


def test_correlation_forgives_size_and_not_pattern():
    pattern = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(1))

    assert correlation_loss(pattern * 7 + 2, pattern) == pytest.approx(0, abs=1e-4)
    assert correlation_loss(-pattern, pattern) == pytest.approx(2, abs=1e-3)
    with pytest.raises(ValueError, match="differ"):
        correlation_loss(pattern, pattern[:, :2])


def test_a_student_comes_nearer_to_its_teacher(nano, line, prompts):
    torch.manual_seed(9)
    small, _ = prune(
        nano, size="nano", options={}, hidden=kept_widths(nano.backbone, keep=0.5)
    )
    said = []
    packed = pack(read_coco(line), side=64)
    lesson = Lesson(num_steps=40, batch_size=4, lr=3e-3, ema_decay=0.5)
    follower = Follower(small, nano, packed, torch.from_numpy(prompts), lesson)

    follower.run(report=said.append)

    steps = [e for e in said if isinstance(e, events.StepDone)]
    assert steps[-1].losses["features"] < steps[0].losses["features"]


def test_each_stage_writes_a_model_that_serves(nano_folder, line, tmp_path):
    prune_model(nano_folder, tmp_path / "pruned", keep=0.5)
    distill_model(
        nano_folder, tmp_path / "pruned", tmp_path / "taught", SHORT, shop(line)
    )
    quantize_model(
        tmp_path / "taught",
        tmp_path / "ready",
        shop(line),
        lesson=Lesson(num_steps=2, batch_size=2, is_aware=True),
    )

    model, config = restore(tmp_path / "ready")
    assert config.options["hidden"] == hidden_widths(model.backbone)
    assert sum(config.options["hidden"]) < sum(
        hidden_widths(restore(nano_folder)[0].backbone)
    )
    parts, ranges = read_plan(tmp_path / "ready")
    assert parts == EARLY
    assert len(ranges) > 20
    assert (tmp_path / "ready" / "model.int8.onnx").stat().st_size < (
        nano_folder / "model.int8.onnx"
    ).stat().st_size


def test_a_teacher_of_other_classes_is_refused(nano_folder, line, tmp_path):
    with pytest.raises(DatasetError, match="same classes"):
        distill_model(
            find_model("deepseek_vision_v2").path,
            nano_folder,
            tmp_path / "out",
            SHORT,
            shop(line),
        )


@pytest.mark.parametrize(
    ("text", "ms", "mb"),
    [
        ("≤ 10 ms, ≤ 3 MB", 10, 3),
        ("<= 7.5ms", 7.5, float("inf")),
        ("2 MB", float("inf"), 2),
    ],
)
def test_a_target_is_read_as_people_write_it(text, ms, mb):
    assert Target.parse(text) == Target(ms=ms, mb=mb)


def test_a_target_that_says_nothing_is_refused():
    with pytest.raises(ValueError, match="a target is like"):
        Target.parse("quite fast")


def test_a_flow_measures_its_front_and_goes_on_where_it_was(
    nano_folder, line, tmp_path
):
    flow = Flow(keeps=(0.5,), lesson=SHORT, rounding=None)

    points = compress(
        nano_folder, tmp_path / "out", flow, shop(line), target=Target(mb=3.0)
    )

    assert [p.name for p in points] == ["plain", "keep-0.50"]
    assert points[1].mb < points[0].mb
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert Measured(**report[1]) == points[1]
    # The second time nothing is done anew: the pictures are not even there.
    again = compress(
        nano_folder, tmp_path / "out", flow, shop(tmp_path), target=Target(mb=3.0)
    )
    assert again == points
    with pytest.raises(VisionError, match="no model meets the target; nearest is"):
        compress(
            nano_folder, tmp_path / "out", flow, shop(line), target=Target(mb=1e-6)
        )
