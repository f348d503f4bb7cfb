"""Clicks become masks: planted shapes, the shipped weights, bad input, other exports."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image, ImageDraw

from deepseek_vision.__main__ import main
from deepseek_vision.errors import ModelFormatError, UnknownModelError
from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click import protocol
from deepseek_vision.segmentation.click.colors import outlines_by_color
from deepseek_vision.segmentation.click.directory import (
    find_click_folder,
    list_click_models,
    load_click_model,
)
from deepseek_vision.segmentation.click.export import export_click_segmenter
from deepseek_vision.segmentation.click.graphs import OwnGraphs
from deepseek_vision.segmentation.click.network import build_click_segmenter
from deepseek_vision.segmentation.click.outlines import outlines_of
from deepseek_vision.segmentation.click.prompts import Click, Marks, Prompt, draw_marks
from deepseek_vision.segmentation.click.segmenter import Segmenter
from deepseek_vision.segmentation.click.serving import load
from deepseek_vision.segmentation.click.windows import Window, around, move_logits
from deepseek_vision.segmentation.halves import load_weights
from deepseek_vision.segmentation.packing import draw_polygons
from deepseek_vision.segmentation.semantic.network import build_segmenter

SIZE = (400, 300)
DISC = (120, 60, 240, 180)


@pytest.fixture(scope="module")
def planted() -> tuple[Picture, np.ndarray]:
    """A bright disc, its exact mask, and a square beside it."""
    fine = Image.new("L", (SIZE[0] * 4, SIZE[1] * 4))
    ImageDraw.Draw(fine).ellipse([n * 4 for n in DISC], fill=255)
    disc = np.asarray(fine.resize(SIZE, Image.Resampling.BOX), np.float32) / 255
    pixels = np.full((*SIZE[::-1], 3), (40, 60, 50), np.float32)
    pixels[200:280, 300:380] = (90, 90, 160)
    pixels += disc[..., None] * (np.array([210, 160, 90]) - pixels)
    noise = np.random.default_rng(0).normal(0, 4, pixels.shape)
    image = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return Picture(pixels=image, width=SIZE[0], height=SIZE[1]), disc > 0.5


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return Segmenter(load_click_model("click_small"))


def test_the_shipped_model_outlines_a_planted_disc_from_one_click(planted, segmenter):
    picture, truth = planted
    answer = segmenter.answer(picture, Prompt(clicks=(Click(x=180, y=120),)), key="a")
    said = answer.mask(width=SIZE[0], height=SIZE[1])
    assert protocol.iou(said, truth) >= 0.85


def test_a_loose_box_does_as_well_as_a_click(planted, segmenter):
    picture, truth = planted
    answer = segmenter.answer(picture, Prompt(box=(115, 52, 246, 188)), key="a")
    said = answer.mask(width=SIZE[0], height=SIZE[1])
    assert protocol.iou(said, truth) >= 0.85


def test_an_outline_covers_what_the_mask_covers(planted, segmenter):
    picture, _ = planted
    prompt = Prompt(clicks=(Click(x=180, y=120),))
    answer = segmenter.answer(picture, prompt, key="a")
    (outline,) = outlines_of(answer, prompt)
    flat = [value for point in outline.points for value in point]
    drawn = draw_polygons([flat], SIZE)
    assert protocol.iou(drawn, answer.mask(width=SIZE[0], height=SIZE[1])) >= 0.96


def test_the_same_prompt_has_the_same_answer_after_a_restart(planted, segmenter):
    picture, _ = planted
    clicks = (Click(x=180, y=120), Click(x=340, y=240, is_positive=False))
    first = segmenter.answer(picture, Prompt(clicks=clicks), key="a")
    fresh = Segmenter(segmenter.model)
    again = fresh.answer(picture, Prompt(clicks=clicks), key="b")
    assert np.array_equal(first.logits_HW, again.logits_HW)


def _drawn(outlines, size=SIZE):
    flat = [value for point in outlines[0].points for value in point]
    return draw_polygons([flat], size)


def test_colors_alone_cut_a_planted_disc_out_of_a_loose_box(planted):
    picture, truth = planted
    outlines = outlines_by_color(picture, Prompt(box=(100, 40, 262, 205)))
    assert len(outlines) == 1
    assert protocol.iou(_drawn(outlines), truth) >= 0.95


def test_a_quick_look_by_colors_is_coarser_but_of_the_same_thing(planted):
    picture, truth = planted
    quick = outlines_by_color(picture, Prompt(box=(100, 40, 262, 205)), is_quick=True)
    assert protocol.iou(_drawn(quick), truth) >= 0.9


def test_a_click_beside_takes_a_color_away_and_the_answer_is_always_the_same(planted):
    picture, truth = planted
    box = (100, 40, 390, 290)  # around the disc and the square
    both = outlines_by_color(picture, Prompt(box=box))
    clicks = (Click(x=180, y=120), Click(x=340, y=240, is_positive=False))
    corrected = outlines_by_color(picture, Prompt(box=box, clicks=clicks))
    assert len(both) == 2
    assert len(corrected) == 1
    assert protocol.iou(_drawn(corrected), truth) >= 0.95
    assert corrected == outlines_by_color(picture, Prompt(box=box, clicks=clicks))


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        (Prompt(clicks=(Click(x=1, y=1),)), "drag a box around the object first"),
        (Prompt(box=(500, 5, 600, 50)), "beside the picture of 400 x 300"),
    ],
)
def test_colors_need_a_box_on_the_picture(planted, prompt, says):
    with pytest.raises(ValueError, match=says):
        outlines_by_color(planted[0], prompt)


def test_a_picture_of_one_color_has_no_outline_and_does_not_fail():
    flat = Picture(pixels=np.full((8, 9, 3), 7, np.uint8), width=9, height=8)
    assert outlines_by_color(flat, Prompt(box=(0, 0, 9, 8))) == []


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        (Prompt(), "needs a click or a box"),
        (Prompt(clicks=(Click(x=401, y=2),)), "outside the picture of 400 x 300"),
    ],
)
def test_a_prompt_that_means_nothing_is_refused(planted, segmenter, prompt, says):
    with pytest.raises(ValueError, match=says):
        segmenter.answer(planted[0], prompt, key="a")


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        ({"clicks": [[1, 2]]}, r"a click is \[x, y, 1\]"),
        ({"clicks": [[1, 2, 3]]}, r"a click is \[x, y, 1\]"),
        ({"clicks": [[1, float("nan"), 1]]}, r"a click is \[x, y, 1\]"),
        ({"clicks": [[1, 2, 1]] * 65}, "at most 64"),
        ({"box": [5, 5, 5, 9]}, "with an area"),
    ],
)
def test_bad_prompts_on_the_wire_say_what_is_expected(wire, says):
    with pytest.raises(ValueError, match=says):
        Prompt.from_wire(wire)


def test_the_server_answers_bytes_with_outlines_and_refuses_what_is_no_picture(
    planted, tmp_path
):
    served = load(
        Path(load.__code__.co_filename).parents[1] / "weights" / "click_small",
        {"device": "cpu", "num_threads": 1},
    )
    Image.fromarray(planted[0].pixels).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    known = served.read(data)
    assert served.answer([known], [{}])[0]["outlines"] == []
    wish = {"prompt": {"clicks": [[180, 120, 1]]}}
    (answer,) = served.answer([served.read(data)], [wish])
    assert len(answer["outlines"]) == 1
    assert answer["is_final"]
    by_colors = {"prompt": {"box": [100, 40, 262, 205], "by": "colors", "quick": True}}
    (answer,) = served.answer([served.read(data)], [by_colors])
    assert len(answer["outlines"]) == 1
    assert not answer["is_final"]
    with pytest.raises(ValueError, match="damaged or cut off"):
        served.read(data[:500])


def test_onnx_says_what_pytorch_says(tmp_path):
    torch.manual_seed(1)
    model = build_click_segmenter().eval()
    for parameter in model.parameters():  # what half precision keeps exactly
        parameter.data = parameter.data.half().float()
    export_click_segmenter(model, tmp_path)
    graphs = OwnGraphs(tmp_path, side_px=128)
    pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    marks = Marks(
        points_N2=np.array([[40, 50], [100, 20]], np.float32),
        is_positive_N=np.array([True, False]),
        box=(10.0, 20.0, 80.0, 90.0),
        previous_HW=np.zeros((24, 32), np.float32),
    )
    ours = graphs.decode(graphs.encode(pixels), marks)
    with torch.no_grad():
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        maps = torch.from_numpy(draw_marks(marks, size=(24, 32), cell_px=4))
        theirs = model.decoder(*model.encoder(images), maps)[0, 0].numpy()
    # Folded norms are rounded to 16 bits once more.
    assert np.abs(ours - theirs).max() <= 2e-2 * max(1.0, np.abs(theirs).max())


def test_logits_keep_their_place_in_another_window():
    whole = Window(left=0, top=0, right=400, bottom=400)
    part = around((90, 90, 150, 150), (400, 400))
    logits = np.full((100, 100), -8.0, np.float32)
    logits[25:36, 25:36] = 8.0  # pixels 100 to 144
    moved = move_logits(logits, source=whole, target=part, side=400, cell_px=4)
    cell = 4 * part.width / 400
    rows = np.flatnonzero((moved > 0).any(axis=1))
    assert part.top + rows[0] * cell == pytest.approx(100, abs=2)
    assert part.top + (rows[-1] + 1) * cell == pytest.approx(144, abs=2)


def test_unknown_models_pickles_and_foreign_folders_are_refused(tmp_path):
    assert "click_small" in list_click_models()
    with pytest.raises(UnknownModelError, match="there are: click_small"):
        load_click_model("no_such_model")
    pickle = tmp_path / "model.pt"
    pickle.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelFormatError, match="never opened"):
        load_click_model(pickle)
    (tmp_path / "config.json").write_text('{"format": "dsportal-detector"}')
    with pytest.raises(ModelFormatError, match="expected 'dsportal-click'"):
        load_click_model(tmp_path)
    config = {"format": "dsportal-click", "kind": "own", "side_px": 448}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "encoder.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelFormatError, match="not a usable ONNX file"):
        load_click_model(tmp_path)


def test_a_sam_export_is_plugged_in_by_its_folder(tmp_path):
    _write_tiny_sam(tmp_path)
    segmenter = Segmenter(load_click_model(tmp_path))
    pixels = np.zeros((200, 256, 3), np.uint8)
    pixels[60:140, 80:160] = 255
    picture = Picture(pixels=pixels, width=256, height=200)
    answer = segmenter.answer(picture, Prompt(clicks=(Click(x=120, y=100),)), key="a")
    truth = pixels[..., 0] > 0
    assert protocol.iou(answer.mask(width=256, height=200), truth) >= 0.95


def test_a_sam_config_that_names_what_is_not_there_says_so(tmp_path):
    _write_tiny_sam(tmp_path, masks="no_such_output")
    with pytest.raises(ModelFormatError, match="no output named no_such_output"):
        load_click_model(tmp_path)


def _write_tiny_sam(folder: Path, *, masks: str = "low_res_masks") -> None:
    """Graphs of the family's signature whose mask is where the picture is bright."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 256, 256])
    out = helper.make_tensor_value_info("emb", TensorProto.FLOAT, [1, 1, 256, 256])
    mean = helper.make_node("ReduceMean", ["image"], ["emb"], axes=[1], keepdims=1)
    _save(folder / "encoder.onnx", [mean], [image], [out])
    kinds = {
        "image_embeddings": [1, 1, 256, 256],
        "point_coords": [1, "n", 2],
        "point_labels": [1, "n"],
        "mask_input": [1, 1, 256, 256],
        "has_mask_input": [1],
    }
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in kinds.items()
    ]
    shapes = {"low_res_masks": [1, 1, 256, 256], "iou_predictions": [1]}
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    unused = [
        helper.make_node("ReduceSum", [name], [f"{name}_sum"], keepdims=0)
        for name in ("point_coords", "point_labels", "mask_input")
    ]
    nodes = [
        *unused,
        helper.make_node("Identity", ["image_embeddings"], ["low_res_masks"]),
        helper.make_node("Identity", ["has_mask_input"], ["iou_predictions"]),
    ]
    _save(folder / "decoder.onnx", nodes, inputs, outputs)
    config = {
        "format": "dsportal-click",
        "kind": "sam",
        "side_px": 256,
        "encoder": {"file": "encoder.onnx", "input": "image", "mean": [127] * 3},
        "decoder": {
            "file": "decoder.onnx",
            "masks": masks,
            "features": {"image_embeddings": "emb"},
        },
    }
    (folder / "config.json").write_text(json.dumps(config))


def _save(path: Path, nodes: list, inputs: list, outputs: list) -> None:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), path)


def test_the_shipped_safetensors_say_what_the_shipped_graphs_say():
    model = build_click_segmenter().eval()
    load_weights(model, find_click_folder("click_small") / "model.safetensors")
    graphs = load_click_model("click_small").graphs
    pixels = np.random.default_rng(0).integers(0, 255, (96, 128, 3)).astype(np.uint8)
    embedded = graphs.encode(pixels)
    with torch.no_grad():
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        coarse, fine = model.encoder(images)
    for name, ours in (("coarse", coarse), ("fine", fine)):
        assert np.abs(embedded.tensors[name] - ours.numpy()).max() < 1e-3


def test_clicks_are_trained_on_from_the_shell(discs, tmp_path, caplog):
    kinds = ["--masks", str(discs), "--cells", str(discs), "--boxes", str(discs)]
    arguments = ["train-clicks", "--out", str(tmp_path / "on"), "--steps", "1"]
    assert main([*arguments, *kinds[:4]]) == 1
    assert "--boxes has none" in caplog.text
    few = [f"num_{name}=1" for name in ("real", "cells", "made_up", "boxed")]
    few += ["num_objects=1", "max_clicks=2", "sides_px=[128]"]
    more = ["--go-on-from", "click_small", "--set", *few]
    assert main([*arguments, *kinds, *more]) == 0
    assert load_click_model(tmp_path / "on").name == "on"
    load_weights(build_click_segmenter(), tmp_path / "on" / "model.safetensors")
    with pytest.raises(ModelFormatError, match="another architecture"):
        load_weights(build_segmenter(1), tmp_path / "on" / "model.safetensors")
