"""Models by somebody's own images: does the order foretell what linear probes reach?

For each data set, 40 images of its training split are searched by, as a job does: crops,
features of each model that is present, LogME. Against it stands the balanced accuracy,
on objects of the validation split, of a linear probe that was fitted on many more
training objects. Each order is over all models; correlations are averaged over data
sets, with an interval from drawing the data sets again. Probes, not fine-tunes: of the
models that are present most have no trainer here.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from deepseek_diagnostics.data import Floats, Truth, read_truth
from deepseek_diagnostics.evidence import log_me
from deepseek_diagnostics.features import Features
from deepseek_diagnostics.transfer import choose_places, see_places
from tests.bench.diagnostics_planted import DATA, has_foreign_detector
from tests.bench.rows import Row

WEIGHTS = Path(__file__).parents[2] / "gpu_workers" / "deepseek_vision"
OURS = {
    "objects": WEIGHTS / "weights" / "deepseek_vision_v2",
    "general": WEIGHTS / "weights" / "deepseek_vision_v2_general20",
    "nuclei": WEIGHTS / "segmentation" / "semantic" / "weights" / "nuclei",
    "lung": WEIGHTS / "segmentation" / "semantic" / "weights" / "lung_tumour",
}
SETS = (
    "voc07_general20",
    "deeppcb",
    "neu_det",
    "aquarium7",
    "fod_airport31",
    "coco256_80",
)
NUM_IMAGES, NUM_DRAWS = 40, 2
NUM_FITTED, NUM_JUDGED = 400, 300
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
NUM_DRAWN_AGAIN = 4000


def measure() -> Iterator[Row]:
    if not DATA.exists():
        sys.stdout.write(f"skipped: {DATA} is not here\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        models = _models(Path(folder))
        names = [name for name in SETS if (DATA / name).exists()]
        told = {name: _compare(name, models) for name in names}
    if out := os.environ.get("BENCH_TOLD"):
        Path(out).write_text(json.dumps(told, indent=1))
    pairs = [one for rows in told.values() for one in rows]
    about = f"{len(models)} models, {len(told)} data sets, {len(pairs)} searches"
    for kind in ("spearman", "kendall"):
        low, high = _interval([[row[kind] for row in rows] for rows in told.values()])
        yield _row(f"{kind}, score against linear probe ({about})", pairs, kind)
        yield Row(
            what=f"{kind}, 95 % of data sets drawn again, from", value=low, unit=""
        )
        yield Row(what=f"{kind}, to", value=high, unit="")
    yield _row("searches whose first model is the probe's best", pairs, "is_best")
    yield _row("balanced accuracy of the probe, first model", pairs, "first")
    yield _row("balanced accuracy of the probe, best model", pairs, "best")
    yield _row("balanced accuracy of the probe, mean of the models", pairs, "mean")


def _row(what: str, pairs: list[dict[str, float]], name: str) -> Row:
    return Row(what=what, value=float(np.mean([one[name] for one in pairs])), unit="")


def _models(folder: Path) -> dict[str, Features]:
    found = dict(OURS)
    if has_foreign_detector(folder / "picodet"):
        found["picodet"] = folder / "picodet"
    if _has_fastest(folder / "fastest"):
        found["fastest"] = folder / "fastest"
    return {name: Features(path) for name, path in found.items()}


def _has_fastest(folder: Path) -> bool:
    weights = DATA.parent / "weights" / "yolo_fastest" / "FastestDet.onnx"
    if not weights.exists():
        return False
    folder.mkdir()
    config = {
        "format": "onnx-vision", "name": "fastestdet", "classes": ["thing"] * 80,
        "input": {
            "width": 352, "height": 352, "channels": "bgr", "scale": 1 / 255,
        },
        "decode": {"kind": "fastestdet"},
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.onnx").symlink_to(weights)
    return True


def _compare(name: str, models: dict[str, Features]) -> list[dict[str, float]]:
    """A row a search: how its order and that of the probes agree."""
    train = read_truth(DATA / name, splits=("train",))
    val = read_truth(DATA / name, splits=("val",))
    probes = [_probe(one, train, val) for one in models.values()]
    rows = []
    for draw in range(NUM_DRAWS):
        chosen = _some(train, draw)
        places = choose_places(chosen, seed=draw)
        scores = [
            log_me(see_places(one, chosen, places), places.classes_N)
            for one in models.values()
        ]
        first = int(np.argmax(scores))
        rows.append(
            {
                "spearman": float(stats.spearmanr(scores, probes).statistic),
                "kendall": float(stats.kendalltau(scores, probes).statistic),
                "is_best": float(probes[first] == max(probes)),
                "first": probes[first],
                "best": max(probes),
                "mean": float(np.mean(probes)),
            }
        )
        told = ", ".join(
            f"{model} {score:.3f}/{probe:.3f}"
            for model, score, probe in zip(models, scores, probes, strict=True)
        )
        sys.stdout.write(f"{name} {draw}: {told}\n")
        sys.stdout.flush()
    return rows


def _some(truth: Truth, seed: int) -> Truth:
    """As many images of it with objects as a search takes."""
    random = np.random.default_rng(seed)
    kept = random.permutation(np.unique(truth.image_N))[:NUM_IMAGES]
    number_of = {int(image): number for number, image in enumerate(kept)}
    rows = np.isin(truth.image_N, kept)
    return Truth(
        classes=truth.classes,
        images=tuple(truth.images[int(image)] for image in kept),
        image_N=np.array(
            [number_of[int(one)] for one in truth.image_N[rows]], np.int64
        ),
        boxes_N4=truth.boxes_N4[rows],
        classes_N=truth.classes_N[rows],
        ignored_N=truth.ignored_N[rows],
        ids=tuple(one for one, keep in zip(truth.ids, rows, strict=True) if keep),
        digest=truth.digest,
    )


def _probe(features: Features, train: Truth, val: Truth) -> float:
    """Balanced accuracy of a ridge classifier, whose ridge one half of the fit chose."""
    fitted = choose_places(train, seed=7, most=NUM_FITTED)
    judged = choose_places(val, seed=7, most=NUM_JUDGED)
    x, y = see_places(features, train, fitted), fitted.classes_N
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    x = (x - mean) / scale
    half = np.random.default_rng(7).permutation(len(y)) % 2 == 0
    best = max(
        RIDGES,
        key=lambda ridge: _accuracy(_fit(x[half], y[half], ridge, x[~half]), y[~half]),
    )
    seen = (see_places(features, val, judged) - mean) / scale
    known = np.isin(judged.classes_N, y)
    said = _fit(x, y, best, seen[known])
    return _accuracy(said, judged.classes_N[known])


def _fit(
    x: Floats, y: NDArray[np.int64], ridge: float, asked: Floats
) -> NDArray[np.int64]:
    """What a one-against-all ridge says, by kernels: there are more features than rows."""
    labels = np.unique(y)
    targets = (y[:, None] == labels[None]).astype(np.float64)
    kernel = x @ x.T / x.shape[1]
    weights = np.linalg.solve(
        kernel + ridge * np.eye(len(y)), targets - targets.mean(axis=0)
    )
    scores = asked @ x.T / x.shape[1] @ weights + targets.mean(axis=0)
    return labels[scores.argmax(axis=1)]


def _accuracy(said: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float(
        np.mean([(said[truth == one] == one).mean() for one in np.unique(truth)])
    )


def _interval(of_sets: list[list[float]]) -> tuple[float, float]:
    """Of the mean, where other data sets had been at hand."""
    means = np.array([np.mean(rows) for rows in of_sets])
    random = np.random.default_rng(0)
    drawn = random.integers(len(means), size=(NUM_DRAWN_AGAIN, len(means)))
    low, high = np.percentile(means[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
