"""Does the order by LogME foretell what fine-tuning the models themselves reaches?

Three steps, for the middle one wants a GPU, onnx2torch and none of the data sets:

    python -m tests.bench.transfer_finetuned pack FOLDER    crops, graphs and scores
    python -m tests.bench.transfer_tuning FOLDER            every model on every data set
    python -m tests.bench.transfer_finetuned report FOLDER  the correlations

Each model's own graph in float32, cut where a search cuts it, becomes a PyTorch module
with a linear layer behind it, and all of it is trained on crops of the training split:
the rate by a fifth of them that is held out, the figure by crops of the validation split.
"""

import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import stats

from deepseek_diagnostics.data import Truth
from deepseek_diagnostics.transfer import Places, cut_out
from deepseek_vision.export import export_onnx
from deepseek_vision.images import read_picture
from deepseek_vision.training.run import restore
from tests.bench import transfer_search as search

CROP_PX, QUALITY, FILL = 128, 95, 114


def pack(folder: Path) -> None:
    folder.mkdir()
    searched = search._models(folder)  # noqa: SLF001 -- those that a search asks
    for name in searched:
        _lay_out(search.OURS.get(name, folder / name), folder / "models" / name)
    for name in search.SETS:
        train = search.read_truth(search.DATA / name, splits=("train",))
        val = search.read_truth(search.DATA / name, splits=("val",))
        scores = []
        for draw in range(search.NUM_DRAWS):
            chosen = search._some(train, draw)  # noqa: SLF001
            places = search.choose_places(chosen, seed=draw)
            scores.append(
                {
                    model: search.log_me(
                        search.see_places(one, chosen, places), places.classes_N
                    )
                    for model, one in searched.items()
                }
            )
        (folder / f"{name}.json").write_text(json.dumps(scores))
        crops = {}
        for split, truth, most in (
            ("train", train, search.NUM_FITTED),
            ("val", val, search.NUM_JUDGED),
        ):
            places = search.choose_places(truth, seed=7, most=most)
            crops[split] = np.array(_crops(truth, places), object)
            crops[f"{split}_classes"] = places.classes_N
        np.savez(folder / f"{name}.npz", **crops)
        sys.stdout.write(f"{name}: {len(crops['train'])}, {len(crops['val'])}\n")
        sys.stdout.flush()


def _lay_out(source: Path, target: Path) -> None:
    """A model's configuration and its graph in float32."""
    target.mkdir(parents=True)
    shutil.copy(source / "config.json", target)
    if (source / "model.onnx").exists():
        shutil.copy(source / "model.onnx", target)
    else:
        export_onnx(restore(source)[0], target / "model.onnx")


def _crops(truth: Truth, places: Places) -> list[bytes]:
    """JPEG files of what was cut out, on a square."""
    files = []
    for image, box in zip(places.image_N, places.boxes_N4, strict=True):
        cut = cut_out(read_picture(truth.images[image].path).pixels, box)
        side = max(cut.shape[:2])
        square = np.full((side, side, 3), FILL, np.uint8)
        square[: cut.shape[0], : cut.shape[1]] = cut
        picture = Image.fromarray(square)
        picture.thumbnail((CROP_PX, CROP_PX))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=QUALITY)
        files.append(file.getvalue())
    return files


def report(folder: Path) -> None:
    tuned = json.loads((folder / "tuned.json").read_text())
    rows = []
    for path in sorted(folder.glob("*.npz")):
        reached = [tuned[name][path.stem] for name in tuned]
        for scores in json.loads((folder / f"{path.stem}.json").read_text()):
            foretold = [scores[name] for name in tuned]
            rows.append(
                {
                    "set": path.stem,
                    "spearman": float(stats.spearmanr(foretold, reached).statistic),
                    "kendall": float(stats.kendalltau(foretold, reached).statistic),
                    "first": reached[int(np.argmax(foretold))],
                    "best": max(reached),
                    "mean": float(np.mean(reached)),
                }
            )
    for name in ("spearman", "kendall", "first", "best", "mean"):
        sys.stdout.write(f"{name}: {np.mean([row[name] for row in rows]):.4f}\n")
    for name in ("spearman", "kendall"):
        by_set = [
            [row[name] for row in rows if row["set"] == one]
            for one in sorted({row["set"] for row in rows})
        ]
        low, high = search._interval(by_set)  # noqa: SLF001
        sys.stdout.write(f"{name}, data sets drawn again: {low:.4f} to {high:.4f}\n")
    is_best = [row["first"] == row["best"] for row in rows]
    sys.stdout.write(f"first is best: {np.mean(is_best):.4f}\n")
    for row in rows:
        sys.stdout.write(f"{json.dumps(row)}\n")


if __name__ == "__main__":
    steps = {"pack": pack, "report": report}
    steps[sys.argv[1]](Path(sys.argv[2]))
