"""Semantic segmentation: planted shapes, shipped weights, medical files, bad input."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
import torch
from nibabel.testing import data_path as nifti_folder
from PIL import Image
from pydicom.data import get_testdata_file

from deepseek_vision.__main__ import main
from deepseek_vision.errors import DatasetError, ImageError, VisionError
from deepseek_vision.hub import find_model, read_tensors
from deepseek_vision.images import Picture
from deepseek_vision.segmentation.metrics import dice, hausdorff95
from deepseek_vision.segmentation.semantic import directory, predict
from deepseek_vision.segmentation.semantic.export import export_segmenter
from deepseek_vision.segmentation.semantic.network import (
    build_segmenter,
    start_from_detector,
)
from deepseek_vision.segmentation.semantic.packing import NOWHERE, pack_classes
from deepseek_vision.segmentation.semantic.serving import load, run_lengths
from deepseek_vision.segmentation.slices import Slice, read_slices


def test_packing_draws_what_is_outlined_and_marks_what_is_no_picture(discs):
    packed = pack_classes((discs,), zoom=2.0)
    assert packed.classes == ("disc",)
    assert packed.images_N3HW.shape == (4, 3, 128, 128)
    areas = (packed.classes_NHW == 1).sum(dim=(1, 2)).float()
    assert torch.allclose(areas, torch.tensor(np.pi * 24.0**2), rtol=0.03)
    assert (packed.classes_NHW[1, 112:] == NOWHERE).all()


def test_a_short_training_from_the_shell_goes_on_and_is_measured(
    discs, tmp_path, capsys
):
    out = tmp_path / "discs"
    arguments = ["train-segmenter", str(discs), "--out", str(out), "--steps", "4"]
    arguments += ["--go-on-from", "nuclei", "--set", "side_px=64", "batch_size=2"]
    assert main(arguments) == 0
    assert main(["evaluate-segmenter", str(out), str(discs)]) == 0
    found = json.loads(capsys.readouterr().out)["disc"]
    assert found["num_images"] == 2
    assert found["dice"] > 0.85
    written = {path.name for path in out.iterdir()}
    assert written == {
        "config.json",
        "model.onnx",
        "model.safetensors",
        "recipe.json",
        "training.jsonl",
    }
    before = read_tensors(directory.SHIPPED / "nuclei" / "model.safetensors")
    after = read_tensors(out / "model.safetensors")
    assert not np.array_equal(before["answer.weight"], after["answer.weight"])


def test_a_new_segmenter_starts_from_a_detectors_trunk():
    torch.manual_seed(0)
    model = build_segmenter(1)
    start_from_detector(model, "deepseek_vision_v2")
    path = find_model("deepseek_vision_v2").path / "model.safetensors"
    given = read_tensors(path)["backbone.stages.4.2.body.0.0.weight"]
    own = model.state_dict()["stages.4.2.body.0.0.weight"].numpy()
    assert np.array_equal(own, given.astype(np.float32))


def test_onnx_says_what_pytorch_says(tmp_path):
    torch.manual_seed(0)
    model = build_segmenter(2).eval()
    for parameter in model.parameters():  # what half precision keeps exactly
        parameter.data = parameter.data.half().float()
    export_segmenter(model, tmp_path / "model.onnx")
    config = directory.SegmenterConfig(name="two", classes=("a", "b"))
    (tmp_path / "config.json").write_text(config.to_json())
    loaded = predict.load_segmenter(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 80, 3)).astype(np.uint8)
    ours = loaded._in_tiles(pixels)  # noqa: SLF001 -- the logits themselves
    with torch.no_grad():
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
        theirs = model(images)[0].numpy()
    # Folded norms are rounded to 16 bits once more.
    assert np.abs(ours - theirs).max() < 0.02 * np.abs(theirs).max()


def test_tiles_of_a_large_picture_join_without_a_seam():
    seen = []

    def run(pixels):
        seen.append(pixels.shape[:2])
        grey = pixels[..., 0].astype(np.float32)
        return np.stack([np.zeros_like(grey), grey - 100])

    model = predict.SemanticModel(
        directory.SegmenterConfig(name="bright", classes=("bright",)), run
    )
    pixels = np.zeros((1500, 900, 3), np.uint8)
    pixels[700:820, 300:899] = 255
    found = model.segment(Picture(pixels=pixels, width=900, height=1500))
    assert np.array_equal(found.classes_HW == 1, pixels[..., 0] > 100)
    assert len(seen) > 4
    assert max(max(size) for size in seen) <= 768 + 16


def test_dice_and_hd95_of_known_shapes():
    square, shifted = np.zeros((2, 40, 40), np.bool_)
    square[10:20, 10:20] = True
    shifted[10:20, 13:23] = True
    assert dice(square, shifted) == pytest.approx(0.7)
    assert hausdorff95(square, shifted) == pytest.approx(3.0)
    assert hausdorff95(square, shifted, spacing=(1.0, 2.0)) == pytest.approx(6.0)
    nothing = np.zeros_like(square)
    assert (dice(nothing, nothing), hausdorff95(nothing, nothing)) == (1.0, 0.0)
    assert hausdorff95(nothing, square) == pytest.approx(np.hypot(40, 40))


def test_the_shipped_segmenters_find_a_planted_nucleus_and_are_served():
    assert directory.list_segmenters() == ["lung_tumour", "nuclei"]
    y, x = np.mgrid[:128, :160]
    truth = ((x - 60) / 14) ** 2 + ((y - 70) / 10) ** 2 < 1
    noise = np.random.default_rng(0).normal(0, 3, truth.shape)
    grey = np.clip(np.where(truth, 120, 12) + noise, 0, 255).astype(np.uint8)
    served = load(directory.SHIPPED / "nuclei", {"device": "cpu", "num_threads": 1})
    picture = served.read(np.repeat(grey[..., None], 3, axis=2))
    (answer,) = served.answer([picture], [{}])
    (segment,) = answer["segments"]
    assert (answer["width"], answer["height"]) == (160, 128)
    mask = _drawn(segment["mask"])
    assert dice(mask, truth) > 0.85
    assert segment["area"] == np.count_nonzero(mask)


def _drawn(lengths) -> np.ndarray:
    values = np.arange(len(lengths["counts"])) % 2 == 1
    flat = np.repeat(values, lengths["counts"])
    return flat.reshape(lengths["size"], order="F")


def test_run_lengths_begin_with_what_is_not_the_object():
    mask = np.array([[1, 0], [1, 1]], np.bool_)
    assert run_lengths(mask) == {"size": [2, 2], "counts": [0, 2, 1, 1]}


def test_a_real_ct_slice_has_hounsfield_units_and_its_scale(tmp_path, capsys):
    path = Path(get_testdata_file("CT_small.dcm"))
    (ct,) = read_slices(path)
    raw = pydicom.dcmread(path)
    units = raw.pixel_array.astype(np.float32) * raw.RescaleSlope + raw.RescaleIntercept
    assert np.array_equal(ct.values_HW, units)
    assert ct.spacing_mm == tuple(raw.PixelSpacing)
    grey = ct.picture((-1000, 400)).pixels[..., 0]
    assert grey[units <= -1000].max(initial=0) == 0
    assert grey[units >= 400].min(initial=255) == 255
    out = tmp_path / "masks"
    assert main(["segment", "lung_tumour", str(path), "--out", str(out), "--draw"]) == 0
    answer = json.loads(capsys.readouterr().out)
    with Image.open(answer["mask"]) as mask:
        assert mask.size == (raw.Columns, raw.Rows)
    assert (out / "CT_small_outlines.jpg").is_file()


def test_a_volume_gets_a_mask_in_its_own_axes(tmp_path, capsys):
    source = Path(nifti_folder) / "anatomical.nii"
    volume = nibabel.load(source)
    # Axes of another order and direction than pictures have.
    turned = nibabel.Nifti1Image(
        np.asarray(volume.dataobj)[:12, ::-1].transpose(2, 0, 1),
        volume.affine[:, [2, 0, 1, 3]] @ np.diag([1, 1, -1, 1]),
    )
    nibabel.save(turned, tmp_path / "turned.nii.gz")
    out = tmp_path / "masks"
    said = main(
        ["segment", "nuclei", str(tmp_path / "turned.nii.gz"), "--out", str(out)]
    )
    assert said == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    mask = nibabel.load(lines[-1]["volume"])
    assert mask.shape == turned.shape
    assert np.allclose(mask.affine, turned.affine)
    # Slice by slice it is what the pictures say.
    canonical = np.asarray(nibabel.as_closest_canonical(mask).dataobj)
    for number, line in enumerate(lines[:-1]):
        png = np.asarray(Image.open(line["mask"]))
        assert np.array_equal(canonical[::-1, ::-1, number].T, png)


def test_a_batch_goes_on_past_bad_files_and_names_them(tmp_path, capsys):
    whole = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[:8000])
    (tmp_path / "no.dcm").write_bytes(b"not at all")
    (tmp_path / "cut.nii").write_bytes(b"\0" * 100)
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Image.new("CMYK", (40, 30)).save(tmp_path / "good.jpg")
    deep = Image.fromarray(np.full((20, 30), 60_000, np.uint16))
    deep.save(tmp_path / "deep.png")
    out = tmp_path / "out"
    assert main(["segment", "nuclei", str(tmp_path), "--out", str(out)]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    errors = {Path(x["file"]).name: x["error"] for x in lines if "error" in x}
    assert set(errors) == {"cut.dcm", "no.dcm", "cut.nii", "cut.png"}
    assert "not a DICOM file" in errors["no.dcm"]
    assert "damaged" in errors["cut.dcm"] or "no pixels" in errors["cut.dcm"]
    assert {Path(x["file"]).name for x in lines if "mask" in x} == {
        "good.jpg",
        "deep.png",
    }


def test_a_picture_that_would_become_too_large_is_refused():
    model = predict.SemanticModel(
        directory.SegmenterConfig(name="far", classes=("a",), zoom=16),
        lambda _pixels: np.zeros((2, 1, 1), np.float32),
    )
    pixels = np.zeros((600, 600, 3), np.uint8)
    with pytest.raises(ImageError, match="600 x 600 pixels become 9600 x 9600"):
        model.segment(Picture(pixels=pixels, width=600, height=600))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "dsportal-detector"}, "format is 'dsportal-detector'"),
        ({"format_version": 9}, "format version 9 is not known"),
        ({"classes": []}, "classes must be different names"),
        ({"zoom": 99}, "zoom must be in"),
        ({"window": [4, 1]}, "window must rise"),
        ({"colour": 1}, "not a segmenter"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path, change, says):
    config = directory.SegmenterConfig(name="a", classes=("a",)).to_json()
    (tmp_path / "config.json").write_text(json.dumps({**json.loads(config), **change}))
    with pytest.raises(VisionError, match=says):
        directory.find_segmenter(tmp_path)


def test_unknown_names_list_what_exists_and_pickles_are_never_opened(tmp_path):
    with pytest.raises(VisionError, match="there are: lung_tumour, nuclei"):
        predict.load_segmenter("nukleus")
    pickle = tmp_path / "model.pt"
    pickle.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(VisionError, match="never opened"):
        predict.load_segmenter(pickle)


def test_weights_of_another_architecture_are_refused(discs, tmp_path, caplog):
    arguments = ["train-segmenter", str(discs), "--out", str(tmp_path / "a")]
    assert main([*arguments, "--start-from", "no-such-model"]) == 1
    assert main([*arguments, "--set", "colour=3"]) == 1
    assert "a recipe has: num_steps" in caplog.text
    boxes = json.loads((discs / "annotations.json").read_text())
    for one in boxes["annotations"]:
        del one["segmentation"]
    (tmp_path / "images").symlink_to(discs / "images")
    (tmp_path / "annotations.json").write_text(json.dumps(boxes))
    with pytest.raises(DatasetError, match="no polygon"):
        pack_classes((tmp_path,))


def test_slices_without_a_window_show_most_of_their_range():
    values = np.linspace(-5, 5, 100, dtype=np.float32).reshape(10, 10)
    picture = Slice(name="a", values_HW=values, is_inverted=True).picture()
    assert picture.pixels[0, 0, 0] == 255
    assert picture.pixels[-1, -1, 0] == 0
