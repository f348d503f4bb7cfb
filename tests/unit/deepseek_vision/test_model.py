import copy

import numpy as np
import pytest
import torch
from torch import nn

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.model.attention import DynamicReach, TokenEncoder
from deepseek_vision.model.backbone import Backbone, BackboneSize, load_imagenet
from deepseek_vision.model.detector import SIZES, build_detector
from deepseek_vision.model.layers import fold_norms
from deepseek_vision.runtime import Session, cell_centres
from deepseek_vision.training.run import load_matching

PROMPTS = torch.randn(5, 384, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("size", "num_parameters"),
    [("nano", 611_231), ("small", 3_005_679), ("medium", 4_738_959)],
)
def test_each_size_has_its_number_of_parameters(size, num_parameters):
    model = build_detector(size)

    assert sum(p.numel() for p in model.parameters()) == num_parameters


def test_the_backbone_has_the_published_widths():
    assert Backbone(BackboneSize()).channels == (40, 112, 192)


def test_answers_cover_every_cell_of_any_size(nano):
    with torch.no_grad():
        answers = nano(torch.zeros(2, 3, 96, 160), PROMPTS)

    num_cells = len(cell_centres(96, 160))
    assert answers.logits_BAP.shape == (2, num_cells, 5)
    assert answers.distances_BA4.shape == (2, num_cells, 4)
    assert answers.one_logits_BAP.shape == (2, num_cells, 5)
    assert (answers.distances_BA4 > 0).all()
    assert ((answers.complexity_B >= 0) & (answers.complexity_B <= 1)).all()


def test_a_prompt_has_the_same_logits_whatever_its_row(nano):
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 255
    with torch.no_grad():
        forwards = nano(image, PROMPTS).logits_BAP
        backwards = nano(image, PROMPTS.flip(0)).logits_BAP

    torch.testing.assert_close(forwards, backwards.flip(-1), atol=1e-5, rtol=1e-5)


def test_folding_the_norms_changes_nothing(nano):
    image = torch.rand(1, 3, 64, 64) * 255
    folded = copy.deepcopy(nano)
    fold_norms(folded)

    with torch.no_grad():
        before, after = nano(image, PROMPTS), folded(image, PROMPTS)

    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    torch.testing.assert_close(
        before.logits_BAP, after.logits_BAP, atol=1e-4, rtol=1e-4
    )


def test_each_mechanism_can_be_switched_off():
    off = {"has_attention": False, "has_dynamic_reach": False, "has_text_map": False}
    model = build_detector("nano", off).eval()

    with torch.no_grad():
        answers = model(torch.zeros(1, 3, 64, 64), PROMPTS)

    assert answers.complexity_B.tolist() == [0.0]
    assert not any(isinstance(m, TokenEncoder | DynamicReach) for m in model.modules())


def test_the_reach_follows_its_gate():
    block = DynamicReach(8)
    x = torch.rand(1, 8, 6, 6)
    even = block.mean_reach(x).item()
    with torch.no_grad():
        block.gate.bias.copy_(torch.tensor([0.0, 0.0, 20.0]))

    assert even == pytest.approx(2.0)
    assert block.mean_reach(x).item() == pytest.approx(3.0, abs=1e-3)


def test_a_closed_gate_skips_the_further_step():
    torch.manual_seed(0)
    encoder = TokenEncoder(16, num_heads=2, max_steps=2).eval()
    x = torch.rand(1, 16, 4, 4)
    with torch.no_grad():
        encoder.gate.bias.fill_(-20.0)
        closed, complexity = encoder(x)
        encoder.max_steps = 1
        single, _ = encoder(x)

    assert complexity.item() < 1e-6
    assert torch.equal(closed, single)


def test_unknown_sizes_and_options_are_refused_by_name():
    with pytest.raises(
        ModelFormatError, match="no size 'huge'; there are: nano, small"
    ):
        build_detector("huge")
    with pytest.raises(ModelFormatError, match="colour"):
        build_detector("nano", {"colour": 1})


def test_imagenet_weights_of_another_size_are_refused():
    other = Backbone(BackboneSize(width=1.1, depth=1.2)).state_dict()

    with pytest.raises(ModelFormatError, match="ImageNet weights do not fit"):
        load_imagenet(Backbone(SIZES["small"].backbone), other)


def test_imagenet_weights_arrive_in_order():
    source = Backbone(BackboneSize(width=0.5, depth=0.5, stem=16))
    target = Backbone(BackboneSize(width=0.5, depth=0.5, stem=16))

    load_imagenet(target, source.state_dict())

    for a, b in zip(source.parameters(), target.parameters(), strict=True):
        assert torch.equal(a, b)


def test_weights_of_another_architecture_are_refused(nano):
    weights = {"backbone.stem.0.weight": torch.zeros(1)}

    with pytest.raises(ModelFormatError, match="not of this architecture"):
        load_matching(copy.deepcopy(nano), weights)


@pytest.mark.parametrize(("height", "width", "num"), [(64, 64, 1), (96, 160, 2)])
def test_onnx_equals_torch(nano, nano_folder, height, width, num):
    rng = np.random.default_rng(6)
    pixels = rng.integers(0, 256, (num, height, width, 3), dtype=np.uint8)
    session = Session(nano_folder / "model.onnx")

    served = session.run(pixels, PROMPTS.numpy())

    with torch.no_grad():
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
        answers = nano(images, PROMPTS)
    centres = torch.from_numpy(cell_centres(height, width))
    low = centres - answers.distances_BA4[..., :2]
    assert np.abs(served.logits_BAP - answers.logits_BAP.numpy()).max() <= 1e-4
    assert np.abs(served.boxes_xyxy_BA4[..., :2] - low.numpy()).max() <= 1e-3
    assert np.abs(served.complexity_B - answers.complexity_B.numpy()).max() <= 1e-5
