"""A first answer from what is encoded already, and the careful one after it."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click import protocol
from deepseek_vision.segmentation.click.directory import ClickModel, load_click_model
from deepseek_vision.segmentation.click.prompts import Click, Prompt
from deepseek_vision.segmentation.click.segmenter import Segmenter

SIZE = (1000, 900)
DISC = (720, 660, 840, 780)
CLICKS = (
    Click(x=780, y=720),
    Click(x=830, y=700),
    Click(x=930, y=850, is_positive=False),
)


@pytest.fixture(scope="module")
def model() -> ClickModel:
    return load_click_model("click_small")


@pytest.fixture(scope="module")
def planted() -> tuple[Picture, np.ndarray]:
    """A disc so small that it is looked at closely, and its mask."""
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).ellipse(DISC, fill=255)
    truth = np.asarray(mask) > 0
    pixels = np.where(truth[..., None], (210, 160, 90), (40, 60, 50))
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    image = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return Picture(pixels=image, width=SIZE[0], height=SIZE[1]), truth


def test_a_quick_answer_encodes_nothing_new_and_says_that_it_may_be_refined(
    planted, model
):
    picture, truth = planted
    encoded, graphs = [], model.graphs
    counting = SimpleNamespace(
        side_px=graphs.side_px,
        cell_px=graphs.cell_px,
        decode=graphs.decode,
        encode=lambda pixels: encoded.append(pixels.shape) or graphs.encode(pixels),
    )
    segmenter = Segmenter(ClickModel(name="counting", graphs=counting))
    segmenter.prepare(picture, key="a", prompt=Prompt())
    prompt = Prompt(clicks=CLICKS[:1])

    first = segmenter.answer(picture, prompt, key="a", is_quick=True)
    assert (first.is_final, len(encoded)) == (False, 1)
    careful = segmenter.answer(picture, prompt, key="a")
    again = segmenter.answer(picture, prompt, key="a", is_quick=True)

    assert len(encoded) == 2
    assert careful.is_final
    assert again is careful
    assert _iou(careful, truth) > _iou(first, truth) > 0.5


def test_quick_answers_change_no_careful_one(planted, model):
    picture, _ = planted
    hasty, careful = Segmenter(model), Segmenter(model)
    for number in range(1, 4):
        said = Prompt(clicks=CLICKS[:number])
        hasty.answer(picture, said, key="a", is_quick=True)

    last = hasty.answer(picture, Prompt(clicks=CLICKS), key="a")

    expected = careful.answer(picture, Prompt(clicks=CLICKS), key="a")
    assert last.window == expected.window
    assert np.array_equal(last.logits_HW, expected.logits_HW)


def test_a_quick_box_is_answered_on_the_whole_picture(planted, model):
    picture, truth = planted
    segmenter = Segmenter(model)
    segmenter.prepare(picture, key="a", prompt=Prompt())

    prompt = Prompt(box=(710, 655, 850, 790))
    quick = segmenter.answer(picture, prompt, key="a", is_quick=True)

    assert not quick.is_final
    assert quick.window.box == (0, 0, *SIZE)
    assert _iou(quick, truth) > 0.5


def _iou(answer, truth) -> float:
    return protocol.iou(answer.mask(width=SIZE[0], height=SIZE[1]), truth)
