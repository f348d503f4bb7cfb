# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""`python -m deepseek_diagnostics.transfer RUN_DIR`: does a model suit these labels?

Each labeled object, and as many places without one, is cut out of its picture and shown
to the model; what it sees is scored by LogME. `RUN_DIR/spec.json` says `directory`,
`data`, `most_ms`, `num_threads` and `seed`; `RUN_DIR/score.json` is what came of it.
"""

import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_diagnostics.data import Floats, Ints, Truth, read_truth, share_inside
from deepseek_diagnostics.errors import DataError, DiagnosticsError
from deepseek_diagnostics.evidence import log_me
from deepseek_diagnostics.features import Features, Pixels
from deepseek_diagnostics.seeing import load_runner
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import read_picture

MOST_CROPS = 200
LEAST_OF_A_CLASS = 3
MARGIN = 0.1  # of a side, kept around an object
LEAST_SIDE_PX = 4.0
# A place is empty where objects cover less than this of it.
COVERED = 0.1
NUM_TRIES = 20
NUM_TIMED = 6  # the first of which warms up
# How sure the order is: the score of so many random parts of the crops.
NUM_PARTS, PART = 20, 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """N places in pictures: by picture, and what is there; class -1 is nothing."""

    image_N: Ints
    boxes_N4: Floats
    classes_N: Ints

    def __len__(self) -> int:
        return len(self.image_N)


def score(spec: dict[str, Any]) -> dict[str, Any]:
    """Time the model and, where it is quick enough, score what it sees.

    Raises:
        DiagnosticsError: It does not load, or the labels say too little.
    """
    truth = read_truth(Path(spec["data"]))
    directory, threads = Path(spec["directory"]), int(spec["num_threads"])
    told: dict[str, Any] = {"time_ms": _time(directory, truth, num_threads=threads)}
    most_ms = spec.get("most_ms")
    if most_ms is not None and told["time_ms"] > most_ms:
        return told
    places = choose_places(truth, seed=int(spec["seed"]))
    features = Features(directory, num_threads=threads)
    seen_ND = see_places(features, truth, places)
    if not np.isfinite(seen_ND).all():
        raise DataError(_("its features are no numbers: its weights are damaged"))
    return told | {
        "score": round(log_me(seen_ND, places.classes_N), 5),
        "parts": [
            round(log_me(seen_ND[part], places.classes_N[part]), 5)
            for part in _parts(places, seed=int(spec["seed"]))
        ],
        "num_dims": seen_ND.shape[1],
        "num_crops": len(places),
        "num_classes": len(set(places.classes_N.tolist()) - {-1}),
    }


def choose_places(truth: Truth, *, seed: int, most: int = MOST_CROPS) -> Places:
    """As many objects of each class as there is room for, and as many empty places.

    Raises:
        DataError: No class has enough objects.
    """
    random = np.random.default_rng(seed)
    sides = truth.boxes_N4[:, 2:] - truth.boxes_N4[:, :2]
    usable = ~truth.ignored_N & (sides.min(axis=1, initial=np.inf) >= LEAST_SIDE_PX)
    of_class = Counter(truth.classes_N[usable].tolist())
    kept = sorted(name for name, num in of_class.items() if num >= LEAST_OF_A_CLASS)
    if not kept:
        raise DataError(
            _(
                "no class has {least} objects of at least {side} pixels: label more, or "
                "choose more images"
            ),
            least=LEAST_OF_A_CLASS,
            side=int(LEAST_SIDE_PX),
        )
    room = max(LEAST_OF_A_CLASS, most // (len(kept) + 1))
    chosen: list[int] = []
    for one in kept:
        rows = np.flatnonzero(usable & (truth.classes_N == one))
        chosen += random.permutation(rows)[:room].tolist()
    empty_image, empty_boxes = _empty_places(truth, chosen, room, random)
    return Places(
        image_N=np.concatenate([truth.image_N[chosen], empty_image]),
        boxes_N4=np.concatenate([truth.boxes_N4[chosen], empty_boxes]),
        classes_N=np.concatenate(
            [truth.classes_N[chosen], np.full(len(empty_image), -1, np.int64)]
        ),
    )


def _empty_places(
    truth: Truth, chosen: list[int], num: int, random: np.random.Generator
) -> tuple[Ints, Floats]:
    """Boxes of the objects' own sizes where no object is."""
    images: list[int] = []
    boxes: list[Floats] = []
    for _try in range(num * NUM_TRIES):
        if len(boxes) == num:
            break
        at = int(random.integers(len(truth.images)))
        row = truth.boxes_N4[chosen[int(random.integers(len(chosen)))]]
        width, height = row[2] - row[0], row[3] - row[1]
        image = truth.images[at]
        if width > image.width or height > image.height:
            continue
        left = random.uniform(0, image.width - width)
        top = random.uniform(0, image.height - height)
        box = np.array([left, top, left + width, top + height])
        there = truth.boxes_N4[truth.image_N == at]
        if len(there) and share_inside(box[None], there).sum() > COVERED:
            continue
        images.append(at)
        boxes.append(box)
    return np.array(images, np.int64), np.array(boxes, np.float64).reshape(-1, 4)


def see_places(features: Features, truth: Truth, places: Places) -> Floats:
    """One row a place; each picture is read once."""
    rows: list[Floats | None] = [None] * len(places)
    for at in np.unique(places.image_N):
        pixels = read_picture(truth.images[at].path).pixels
        for row in np.flatnonzero(places.image_N == at):
            rows[row] = features.see(cut_out(pixels, places.boxes_N4[row]))
    return np.stack([row for row in rows if row is not None])


def cut_out(pixels_HW3: Pixels, box_4: Floats) -> Pixels:
    height, width = pixels_HW3.shape[:2]
    more = MARGIN * (box_4[2:] - box_4[:2])
    left, top = np.floor(np.maximum(box_4[:2] - more, 0)).astype(int)
    right, bottom = np.ceil(np.minimum(box_4[2:] + more, [width, height])).astype(int)
    return np.ascontiguousarray(
        pixels_HW3[top : max(bottom, top + 1), left : max(right, left + 1)]
    )


def _parts(places: Places, *, seed: int) -> list[Ints]:
    """The same random parts for each model, of each class its share."""
    random = np.random.default_rng(seed + 1)
    parts = []
    for _part in range(NUM_PARTS):
        rows: list[int] = []
        for one in np.unique(places.classes_N):
            of_class = random.permutation(np.flatnonzero(places.classes_N == one))
            rows += of_class[: max(2, round(PART * len(of_class)))].tolist()
        parts.append(np.array(sorted(rows), np.int64))
    return parts


def _time(directory: Path, truth: Truth, *, num_threads: int) -> float:
    """Milliseconds a whole picture, as it is served: the middle of a few."""
    runner = load_runner(directory, num_threads=num_threads)
    took_ms = []
    for number in range(NUM_TIMED):
        image = truth.images[number % len(truth.images)]
        content = image.path.read_bytes()
        began = time.perf_counter()
        runner.answer([runner.read(content)], [{}])
        took_ms.append(1000 * (time.perf_counter() - began))
    return round(statistics.median(took_ms[1:]), 2)


def main(folder: Path) -> int:
    spec = json.loads((folder / "spec.json").read_text())
    try:
        told = score(spec)
    except DiagnosticsError as error:
        figures = {
            name: value.replace(spec["directory"], "the model")
            if isinstance(value, str)
            else value
            for name, value in error.figures.items()
        }
        told = {"refused": {"text": error.text, "figures": figures}}
    except (ValueError, RuntimeError) as error:
        reason = str(error).replace(spec["directory"], "the model").replace("\n", " ")
        sys.stderr.write(f"{reason}\n")
        return 1
    (folder / "score.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
