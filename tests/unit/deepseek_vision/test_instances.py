"""Instance masks: planted shapes, both runtimes alike, the shell, bad input."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_vision import events
from deepseek_vision.__main__ import main
from deepseek_vision.errors import DatasetError, VisionError
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.segmentation.instances import directory, grid, predict, views
from deepseek_vision.segmentation.instances.export import export_instances
from deepseek_vision.segmentation.instances.measure import Answered, measure_masks
from deepseek_vision.segmentation.instances.network import (
    build_instance_segmenter,
    mask_logits,
)
from deepseek_vision.segmentation.instances.proposing import shape_of
from deepseek_vision.segmentation.instances.serving import load
from deepseek_vision.segmentation.packing import (
    draw_polygons,
    pack_masks,
)
from deepseek_vision.spec import DetectSpec, ImageRef
from tests.cells import CELLS, draw_cells


def test_a_mask_traced_from_middle_to_middle_is_drawn_as_it_was():
    y, x = np.mgrid[:40, :40]
    disc = (x - 17) ** 2 + (y - 21) ** 2 <= 9**2
    steps = [(r, np.flatnonzero(disc[r])) for r in np.flatnonzero(disc.any(axis=1))]
    ring = [(c[0] + 0.5, r + 0.5) for r, c in steps]
    ring += [(c[-1] + 0.5, r + 0.5) for r, c in reversed(steps)]
    assert np.array_equal(draw_polygons([np.ravel(ring).tolist()], (40, 40)), disc)


def test_a_box_on_the_edges_of_pixels_is_drawn_exactly():
    mask = draw_polygons([[3, 5, 9, 5, 9, 12, 3, 12]], (20, 20))
    truth = np.zeros((20, 20), np.bool_)
    truth[5:12, 3:9] = True
    assert np.array_equal(mask, truth)


def test_views_move_boxes_with_the_pixels(discs):
    torch.manual_seed(0)
    packed = pack_masks(discs, side=64)
    rows = torch.arange(4).repeat(8)
    scene = views.draw_scenes(packed, rows, side=96, scale=1.3, any_way_up=True)
    for numbers, boxes, labels in zip(
        scene.numbers_BSS, scene.boxes_BM4, scene.labels_BM, strict=True
    ):
        rows_in, columns_in = torch.nonzero(numbers == 1, as_tuple=True)
        ends = [columns_in.min(), rows_in.min(), columns_in.max(), rows_in.max()]
        assert int(labels[0]) == 0
        shown = torch.stack(ends).float() + torch.tensor([0, 0, 1, 1])
        assert (shown - boxes[0]).abs().max() < 3


def _planted(truth) -> tuple[predict.InstanceModel, np.ndarray]:
    """A model whose features show `truth`, and whose networks pass them on."""
    rows, columns = np.nonzero(truth)
    box = np.array(
        [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32
    )

    def run(pixels):
        height, width = pixels.shape[:2]
        cells = predict.cell_centres(height, width)
        logits = np.full((len(cells), 1), -9, np.float32)
        at = int(np.abs(cells - (box[:2] + box[2:]) / 2).sum(axis=1).argmin())
        logits[at] = 3
        distances = np.concatenate([cells - box[:2], box[2:] - cells], axis=1)
        kernels = np.zeros((len(cells), 97), np.float32)
        kernels[:, 0], kernels[:, 88], kernels[:, 96] = 1, 1, -0.5
        shown = np.zeros((height, width), np.float32)
        shown[: truth.shape[0], : truth.shape[1]] = truth
        small = shown.reshape(height // 4, 4, width // 4, 4).mean(axis=(1, 3))
        features = np.zeros((8, height // 4, width // 4), np.float32)
        features[0] = small
        return predict.Cells(logits, distances, kernels, features)

    config = directory.InstanceConfig(
        name="planted", classes=("shape",), side_px=max(truth.shape)
    )
    return predict.InstanceModel(config, run), box


def test_a_planted_shape_is_outlined_in_pixels_of_the_picture():
    y, x = np.mgrid[:128, :160]
    truth = ((x - 80) / 42) ** 2 + ((y - 64) / 25) ** 2 < 1
    model, box = _planted(truth)
    picture = Picture(pixels=np.zeros((128, 160, 3), np.uint8), width=160, height=128)
    (found,) = model.find(picture)
    assert np.allclose(found.box_xyxy, box)
    mask = found.mask(width=160, height=128)
    assert np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth) > 0.95
    (outline,) = found.outlines()
    drawn = draw_polygons([np.ravel(outline.points).tolist()], (160, 128))
    assert np.count_nonzero(drawn & truth) / np.count_nonzero(drawn | truth) > 0.93
    assert model.find(picture, score_threshold=0.99) == []
    with pytest.raises(VisionError, match="must be in"):
        model.find(picture, score_threshold=2)


def test_onnx_and_numpy_say_what_pytorch_says(tmp_path):
    torch.manual_seed(0)
    model = build_instance_segmenter("nano").eval()
    for parameter in model.parameters():  # what half precision keeps exactly
        parameter.data = parameter.data.half().float()
    export_instances(model, tmp_path / "model.onnx")
    config = directory.InstanceConfig(
        name="a", classes=("dent",), side_px=96, options=model.size.as_options()
    )
    (tmp_path / "config.json").write_text(config.to_json())
    loaded = predict.load_instances(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (96, 64, 3)).astype(np.uint8)
    ours = loaded._run(pixels)  # noqa: SLF001 -- the graph's own answers
    prompts = torch.from_numpy(class_embeddings(("dent",)))
    with torch.no_grad():
        theirs = model(torch.from_numpy(pixels).permute(2, 0, 1)[None].float(), prompts)
    for mine, other in zip(ours, theirs, strict=True):
        # Folded norms are rounded to 16 bits once more.
        assert np.abs(mine - other[0].numpy()).max() < 0.02 * other.abs().max()
    boxes = np.array([[3, 5, 40, 60], [-4, 30, 30, 99]], np.float32)
    features, kernels = theirs.features_BMHW, theirs.kernels_BAQ[:, :2]
    torch_says = mask_logits(
        features, kernels, torch.from_numpy(boxes)[None], model.size
    )
    numpy_says = grid.mask_logits(
        features[0].numpy(), kernels[0].detach().numpy(), boxes, num_hidden=8
    )
    assert np.allclose(torch_says[0].detach().numpy(), numpy_says, atol=1e-4)


def test_average_precision_of_masks_counts_what_is_right(discs):
    def answers(shift: int):
        masks = iter(
            [
                draw_polygons(one["segmentation"], (image["width"], image["height"]))
                for image in coco["images"]
                for one in coco["annotations"]
                if image["split"] == "val" and one["image_id"] == image["id"]
            ]
        )
        return lambda _picture: [Answered(0, 0.9, np.roll(next(masks), shift, axis=1))]

    coco = json.loads((discs / "annotations.json").read_text())
    exact = measure_masks(answers(0), discs, classes=("disc",))
    assert exact["mask_AP"] == exact["box_AP50"] == 1.0
    off = measure_masks(answers(4), discs, classes=("disc",))
    assert off["mask_AP50"] == 1.0
    assert off["mask_AP75"] == 0.0
    nothing = measure_masks(lambda _picture: [], discs, classes=("disc",))
    assert nothing["mask_AP"] == 0.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory, discs, nano_folder):
    out = tmp_path_factory.mktemp("instances") / "discs"
    arguments = ["train-instances", str(discs), "--out", str(out), "--steps", "2"]
    arguments += ["--start-from", str(nano_folder)]
    arguments += ["--set", "side_px=64", "batch_size=2", "num_masks=4"]
    assert main(arguments) == 0
    return out


def test_a_short_training_from_the_shell_is_used_and_served(
    trained, discs, tmp_path, capsys
):
    written = {path.name for path in trained.iterdir()}
    assert written == {
        "README.md",
        "config.json",
        "model.onnx",
        "model.safetensors",
        "recipe.json",
        "training.jsonl",
    }
    assert main(["evaluate-instances", str(trained), str(discs)]) == 0
    assert "mask_AP" in json.loads(capsys.readouterr().out)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("CMYK", (40, 30)).save(pictures / "good.jpg")
    (pictures / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    deep = Image.fromarray(np.full((20, 30), 60_000, np.uint16))
    deep.save(pictures / "deep.png")
    said = ["find-instances", str(trained), str(pictures), "--score", "0"]
    assert main([*said, "--draw", str(tmp_path / "drawn")]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["file"].rsplit("/", 1)[1] for line in lines if "error" in line] == [
        "cut.png"
    ]
    found = next(line for line in lines if line["file"].endswith("good.jpg"))
    assert found["instances"][0]["mask"]["size"] == [30, 40]
    assert (tmp_path / "drawn" / "good.jpg").is_file()
    served = load(trained, {"device": "cpu", "num_threads": 1})
    picture = served.read((pictures / "good.jpg").read_bytes())
    (answer,) = served.answer([picture], [{"score_threshold": 0.0}])
    assert answer["instances"] == found["instances"]
    with pytest.raises(ValueError, match="score_threshold"):
        served.answer([picture], [{"score_threshold": 7}])


def test_what_is_of_several_pieces_is_proposed_as_a_mask():
    logits = np.full((8, 12), -3, np.float32)
    logits[1:4, 1:4] = logits[3:7, 7:11] = 3
    whole = {"label": "a", "score": 0.9, "box_xyxy": (5.0, 3.0, 17.0, 11.0)}
    one = predict.Instance(**whole, logits_HW=logits, left=5, top=3)

    kind, mask = shape_of(one, size=(40, 30))

    assert kind == "mask"
    assert (mask["origin"], mask["size"]) == ([6, 4], [10, 6])
    bits = np.repeat(np.arange(len(mask["counts"])) % 2, mask["counts"])
    truth = one.mask(width=40, height=30)[4:10, 6:16]
    assert np.array_equal(bits.reshape(6, 10, order="F"), truth)
    logits[1:4, 1:4] = -3
    kind, outline = shape_of(one, size=(14, 30))
    assert kind == "polygon"
    assert max(x for x, _y in outline["points"]) == 14  # cut where the picture ends
    assert shape_of(replace(one, logits_HW=logits - 9), size=(40, 30)) == ("box", None)


def test_a_child_proposes_outlines_under_the_askers_names(trained, discs, tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    paths = [*sorted((discs / "images").iterdir())[:1], bad]
    spec = DetectSpec(
        model=str(trained),
        images=tuple(ImageRef(id=n, path=str(p)) for n, p in enumerate(paths)),
        score_threshold=0.0,
        labels=("Disc", "dent"),
    )
    (tmp_path / "spec.json").write_text(spec.to_json())
    child = [sys.executable, "-m", "deepseek_vision", "run", str(tmp_path)]
    told = subprocess.run(child, capture_output=True, text=True, check=True).stdout

    started, answer, failure, _end = map(events.from_wire, told.splitlines())

    assert (started.classes, len(started.revision)) == (("disc",), 64)
    assert {one.label for one in answer.detections} == {"Disc"}
    assert {one.kind for one in answer.detections} <= {"polygon", "mask", "box"}
    drawn = [one for one in answer.detections if one.kind != "box"]
    assert drawn
    assert all(one.geometry for one in drawn)
    assert failure.reason.endswith("not a picture in a known format")
    strange = replace(spec, labels=("dent",))
    (tmp_path / "spec.json").write_text(strange.to_json())
    refused = subprocess.run(child, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "its classes are: disc" in refused.stderr


def test_bad_models_and_sets_are_refused_by_name(trained, discs, tmp_path, caplog):
    arguments = ["train-instances", str(discs), "--out", str(tmp_path / "a")]
    assert main([*arguments, "--start-from", "no-such-model"]) == 1
    assert main([*arguments, "--set", "colour=3"]) == 1
    assert "a recipe has: num_steps" in caplog.text
    with pytest.raises(VisionError, match="there are: nuclei_instances, or give"):
        predict.load_instances("nothing")
    pickle = tmp_path / "model.pt"
    pickle.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(VisionError, match="never opened"):
        predict.load_instances(pickle)
    text = (trained / "config.json").read_text()
    for change, says in (
        ({"format": "dsportal-detector"}, "format is 'dsportal-detector'"),
        ({"format_version": 9}, "format version 9 is not known"),
        ({"classes": []}, "classes must be different names"),
        ({"side_px": 3}, "side_px must be in"),
        ({"colour": 1}, "not an instance segmenter"),
    ):
        (tmp_path / "config.json").write_text(
            json.dumps({**json.loads(text), **change})
        )
        with pytest.raises(VisionError, match=says):
            directory.find_instances(tmp_path)
    empty = json.loads((discs / "annotations.json").read_text())
    for one in empty["annotations"]:
        del one["segmentation"]
    folder = tmp_path / "boxes"
    folder.mkdir()
    (folder / "images").symlink_to(discs / "images")
    (folder / "annotations.json").write_text(json.dumps(empty))
    assert main(["train-instances", str(folder), "--out", str(tmp_path / "b")]) == 1
    assert "no polygon in any image" in caplog.text
    with pytest.raises(DatasetError, match="has none of the model's classes"):
        measure_masks(lambda _picture: [], discs, classes=("dent",))


def test_the_shipped_segmenter_tells_touching_cells_apart_and_is_small():
    folder, config = directory.find_instances("nuclei_instances")
    picture = read_picture(draw_cells())

    found = predict.load_instances("nuclei_instances").find(picture)

    assert len(found) == len(CELLS)
    for across, down, a, b in CELLS:
        y, x = np.mgrid[: picture.height, : picture.width] + 0.5
        truth = ((x - across) / a) ** 2 + ((y - down) / b) ** 2 < 1
        best = max(
            np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth)
            for mask in (one.mask(width=320, height=240) for one in found)
        )
        assert best > 0.75
    assert (folder / "README.md").read_text().startswith("---\nlicense: ")
    assert config.metrics["val"]["mask_AP"] > 0.5
    assert (folder / "model.onnx").stat().st_size < 4e6


def test_weights_in_8_bits_say_nearly_the_same(tmp_path):
    torch.manual_seed(0)
    model = build_instance_segmenter("nano").eval()
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    config = directory.InstanceConfig(
        name="a", classes=("dent",), side_px=96, options=model.size.as_options()
    )
    said, sizes = [], []
    for is_small in (False, True):
        export_instances(model, tmp_path / "model.onnx", is_small=is_small)
        (tmp_path / "config.json").write_text(config.to_json())
        sizes.append((tmp_path / "model.onnx").stat().st_size)
        said.append(predict.load_instances(tmp_path)._run(pixels))  # noqa: SLF001 -- the graph's own answers
    assert sizes[1] < 0.7 * sizes[0]
    for one, other in zip(*said, strict=True):
        assert np.abs(one - other).max() < 0.05 * np.abs(one).max()
