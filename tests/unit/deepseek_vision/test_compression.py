import copy
import json

import numpy as np
import onnx
import pytest
import torch

from deepseek_vision import events
from deepseek_vision.compression import (
    Flow,
    Measured,
    Target,
    Workshop,
    compress,
    distill_model,
    prune_model,
    quantize_model,
)
from deepseek_vision.data.coco import pack, read_coco
from deepseek_vision.errors import DatasetError, VisionError
from deepseek_vision.export import export_onnx
from deepseek_vision.fidelity import fidelity, layer_fidelity
from deepseek_vision.hub import find_model
from deepseek_vision.model.detector import build_detector
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.prune import hidden_widths, kept_widths, prune
from deepseek_vision.quantize import (
    GROUPS,
    Calibrated,
    choose_float,
    quantize_onnx,
    read_plan,
)
from deepseek_vision.runtime import Session
from deepseek_vision.synthetic.defects import CLASS_NAMES
from deepseek_vision.training.aware import (
    RoundedRange,
    into_plain,
    learned_ranges,
    make_aware,
    stop_watching,
)
from deepseek_vision.training.distill import Follower, Lesson, correlation_loss
from deepseek_vision.training.run import calibration_pictures, restore


@pytest.fixture(scope="module")
def pictures(line):
    return calibration_pictures(read_coco(line), side=128)


@pytest.fixture(scope="module")
def prompts():
    return class_embeddings(CLASS_NAMES)


def shop(line, said=None, stop=lambda: False):
    listen = said.append if said is not None else str
    return Workshop(data=(line,), report=listen, should_stop=stop)


SHORT = Lesson(num_steps=2, batch_size=2, seed=3)


def test_a_convolution_and_its_relu6_become_one_8_bit_node(nano_folder):
    graph = onnx.load(nano_folder / "model.int8.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}

    rounded = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    clips = [node for node in graph.node if node.op_type == "Clip"]

    # Before a ReLU6 nothing is rounded; what is left of them follows a float part.
    assert rounded
    assert not [c for c in clips if makers[c.input[0]].op_type == "DequantizeLinear"]


def test_weights_fit_seven_bits(nano_folder):
    graph = onnx.load(nano_folder / "model.int8.onnx").graph

    weights = [
        onnx.numpy_helper.to_array(value)
        for value in graph.initializer
        if value.data_type == onnx.TensorProto.INT8 and len(value.dims) == 4
    ]

    assert len(weights) > 20
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= 64


def test_every_layer_answers_near_the_float_one(nano_folder, pictures, prompts):
    decibels = layer_fidelity(
        nano_folder / "model.onnx",
        nano_folder / "model.int8.onnx",
        picture=pictures[0],
        prompts_PD=prompts,
    )

    assert len(decibels) > 10
    assert np.median(list(decibels.values())) > 12


def test_mixed_precision_leaves_what_hurts_in_float(
    nano_folder, pictures, prompts, tmp_path
):
    source = nano_folder / "model.onnx"
    chosen, gains = choose_float(
        source, pictures=pictures[:4], prompts_PD=prompts, wanted_db=200.0
    )

    assert set(chosen) <= set(gains) == set(GROUPS)
    found = {}
    for name, parts in (("all", ()), ("mixed", chosen)):
        quantize_onnx(
            source,
            tmp_path / f"{name}.onnx",
            pictures=pictures[:4],
            prompts_PD=prompts,
            float_parts=parts,
        )
        found[name] = fidelity(
            Session(source),
            Session(tmp_path / f"{name}.onnx"),
            pictures=pictures[:4],
            prompts_PD=prompts,
        ).logits_db
    assert found["mixed"] >= found["all"]


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


def test_learned_ranges_are_those_of_the_8_bit_graph(
    nano, line, pictures, prompts, tmp_path
):
    """They find their tensors by name, and the plain weights answer as before."""
    aware = make_aware(copy.deepcopy(nano).train())
    images = torch.stack([torch.from_numpy(p).permute(2, 0, 1) for p in pictures])
    with torch.no_grad():
        for _ in range(3):
            aware(images.float(), torch.from_numpy(prompts))
    ranges = learned_ranges(aware)
    plain = into_plain(aware, build_detector("nano"))
    with torch.no_grad():
        before, after = (
            m(images.float(), torch.from_numpy(prompts)) for m in (nano, plain)
        )
    torch.testing.assert_close(after.logits_BAP, before.logits_BAP, atol=1e-4, rtol=0)

    export_onnx(plain, tmp_path / "fp32.onnx")
    made = {o for n in onnx.load(tmp_path / "fp32.onnx").graph.node for o in n.output}
    assert set(ranges) <= made
    Calibrated(
        tmp_path / "fp32.onnx",
        tmp_path,
        pictures=pictures,
        prompts_PD=prompts,
        ranges=ranges,
    ).write(tmp_path / "int8.onnx")

    graph = onnx.load(tmp_path / "int8.onnx").graph
    steps = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    found = [name for name in ranges if f"{name}_scale" in steps]
    assert len(found) > 20
    for name in found:
        low, high = ranges[name]
        assert float(steps[f"{name}_scale"]) == pytest.approx(
            (high - low) / 255, rel=1e-3
        )


def test_ranges_move_while_watching_and_then_stay(nano):
    rounded = RoundedRange().train()
    rounded(torch.tensor([-1.0, 3.0]))
    assert (float(rounded.low), float(rounded.high)) == (-1.0, 3.0)

    stop_watching(rounded)
    rounded(torch.tensor([-9.0, 9.0]))

    assert (float(rounded.low), float(rounded.high)) == (-1.0, 3.0)


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
    lesson = Lesson(num_steps=60, batch_size=4, lr=2e-3, ema_decay=0.5)
    follower = Follower(small, nano, packed, torch.from_numpy(prompts), lesson)

    follower.run(report=said.append)

    steps = [e for e in said if isinstance(e, events.StepDone)]
    assert steps[-1].losses["features"] < steps[0].losses["features"]


def test_each_stage_writes_a_model_that_serves(nano_folder, line, tmp_path):
    prune_model(nano_folder, tmp_path / "pruned", keep=0.5)
    distill_model(
        nano_folder, tmp_path / "pruned", tmp_path / "taught", SHORT, shop(line)
    )
    gains = quantize_model(
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
    assert set(gains) == set(GROUPS)
    _, ranges = read_plan(tmp_path / "ready")
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
