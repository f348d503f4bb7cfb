import copy

import numpy as np
import onnx
import pytest
import torch

from deepseek_vision.data.coco import read_coco
from deepseek_vision.export import export_onnx
from deepseek_vision.fidelity import layer_fidelity
from deepseek_vision.hub import find_model
from deepseek_vision.model.detector import build_detector
from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.quantize import EARLY, Calibrated, choose_float
from deepseek_vision.runtime import Session
from deepseek_vision.synthetic.defects import CLASS_NAMES
from deepseek_vision.training.aware import (
    RoundedRange,
    into_plain,
    learned_ranges,
    make_aware,
    stop_watching,
)
from deepseek_vision.training.run import calibration_pictures, restore


@pytest.fixture(scope="module")
def pictures(line):
    return calibration_pictures(read_coco(line), side=128)


@pytest.fixture(scope="module")
def prompts():
    return class_embeddings(CLASS_NAMES)


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


def test_what_is_answered_is_not_rounded_at_the_end(nano_folder):
    """One scale over the boxes of all strides would move each by up to a pixel."""
    graph = onnx.load(nano_folder / "model.int8.onnx").graph
    makers = {name: node for node in graph.node for name in node.output}

    for output in graph.output:
        last = makers[output.name]
        sources = [makers[name].op_type for name in last.input if name in makers]
        assert "DequantizeLinear" not in [last.op_type, *sources]


def test_every_layer_of_the_shipped_model_answers_near_the_float_one(line):
    folder = find_model("deepseek_vision_v2").path
    decibels = layer_fidelity(
        folder / "model.onnx",
        folder / "model.int8.onnx",
        picture=calibration_pictures(read_coco(line), side=320)[0],
        prompts_PD=find_model(folder).read_prompts(),
    )

    assert len(decibels) > 100
    assert np.median(list(decibels.values())) > 17
    assert min(decibels.values()) > 10


def test_mixed_precision_leaves_what_hurts_in_float(nano_folder, pictures, prompts):
    source, groups = nano_folder / "model.onnx", ("/stem/", "/for_box/")

    chosen, gains = choose_float(
        source,
        pictures=pictures[:4],
        prompts_PD=prompts,
        wanted_db=200.0,
        groups=groups,
    )

    assert set(gains) == set(groups)
    assert chosen == sorted(chosen, key=lambda name: -gains[name])
    assert all(gains[name] >= 0.5 for name in chosen)


def test_norms_that_were_folded_regain_statistics_and_answer_the_same(pictures):
    folder = find_model("deepseek_vision_v2").path
    model, prompts = restore(folder)[0], find_model(folder).read_prompts()
    texts = torch.from_numpy(prompts)
    images = torch.cat(
        [torch.from_numpy(p).permute(2, 0, 1)[None].float() for p in pictures]
    )
    with torch.no_grad():
        before = model(images, texts).logits_BAP
        regain_statistics(model, images, lambda some: model(some, texts))
        after = model(images, texts).logits_BAP
        trained = model.train()(images, texts).logits_BAP

    assert torch.allclose(before, after, atol=1e-2)
    assert (trained - before).abs().mean() < 0.5


def test_what_training_feels_is_what_serves(pictures, tmp_path):
    """Learned ranges find their tensors by name, float parts are spared in both."""
    folder = find_model("deepseek_vision_v2").path
    model, prompts = restore(folder)[0], find_model(folder).read_prompts()
    texts = torch.from_numpy(prompts)
    aware = make_aware(copy.deepcopy(model).train(), float_parts=EARLY)
    images = [torch.from_numpy(p).permute(2, 0, 1)[None].float() for p in pictures]
    with torch.no_grad():
        for _ in range(3):
            aware(torch.cat(images), texts)
    stop_watching(aware)
    ranges = learned_ranges(aware)
    plain = into_plain(aware, build_detector("small"))
    export_onnx(plain, tmp_path / "fp32.onnx")
    made = {o for n in onnx.load(tmp_path / "fp32.onnx").graph.node for o in n.output}
    assert len(ranges) > 80
    assert set(ranges) <= made
    Calibrated(
        tmp_path / "fp32.onnx",
        tmp_path,
        pictures=pictures[:1],
        prompts_PD=prompts,
        ranges=ranges,
    ).write(tmp_path / "int8.onnx", float_parts=EARLY)

    served, exact = (Session(tmp_path / f"{p}.onnx") for p in ("int8", "fp32"))
    aware.eval()
    wrong, apart = 0.0, 0.0
    for picture, image in zip(pictures[:4], images[:4], strict=True):
        with torch.no_grad():
            felt = aware(image, texts).logits_BAP.numpy()
            before, after = (m(image, texts).logits_BAP for m in (model, plain))
        said, true = (s.run(picture[None], prompts).logits_BAP for s in (served, exact))
        torch.testing.assert_close(after, before, atol=1e-3, rtol=0)
        wrong += float(np.square(true - said).mean())
        apart += float(np.square(felt - said).mean())
    assert apart < wrong / 2


def test_ranges_move_while_watching_and_then_stay():
    rounded = RoundedRange().train()
    rounded(torch.tensor([-1.0, 3.0]))
    assert (float(rounded.low), float(rounded.high)) == (-1.0, 3.0)

    stop_watching(rounded)
    rounded(torch.tensor([-9.0, 9.0]))

    assert (float(rounded.low), float(rounded.high)) == (-1.0, 3.0)
