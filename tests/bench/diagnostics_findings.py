"""Are the diagnostics' findings true? Real sets with planted faults; see below each row."""

import importlib.util
import sys
import tempfile
import types
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from deepseek_diagnostics.average import mean_ap
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.catalog import BY_ID
from deepseek_diagnostics.data import iou
from deepseek_diagnostics.spec import DiagnoseSpec
from deepseek_diagnostics.suspecting import KINDS, Suspect, find_suspects
from deepseek_diagnostics.tide import KINDS as TIDE_KINDS
from deepseek_diagnostics.tide import costs_of, find_faults
from deepseek_diagnostics.tools.drift import mmd
from deepseek_diagnostics.tools.drift import properties as drift_columns
from tests.bench.diagnostics_kept import CACHE, PAGE, Part, measured
from tests.bench.diagnostics_planted import (
    DATA,
    Planted,
    has_foreign_detector,
    plant,
    subset,
)
from tests.bench.rows import Row

__all__ = ["PAGE", "measure"]
SETS = {
    "deeppcb": "deepseek_vision_v2",
    "voc07_general20": "deepseek_vision_v2_general20",
    "fod_airport31": "deepseek_vision_v2",
}
# A published detector, trained by others on COCO; see its folder in the weights.
PICODET = "voc07_general20, by PicoDet-S"
RENAMED = {
    "airplane": "aeroplane", "motorcycle": "motorbike", "couch": "sofa",
    "dining table": "diningtable", "potted plant": "pottedplant", "tv": "tvmonitor",
}  # fmt: skip
# Of all its validation images: five in a hundred objects are planted of each fault.
NUM = 700
NUM_SAME, NUM_SHIFTED = 400, 60
NAMES_OF_TIDE = {
    "class": "Cls", "location": "Loc", "both": "Both", "duplicate": "Dupe",
    "background": "Bkg", "missed": "Miss",
}  # fmt: skip


def measure() -> Iterator[Row]:
    if not DATA.exists():
        sys.stderr.write(f"skipped: the data is not at {DATA}\n")
        return
    parts: dict[str, Part] = {}
    for name in SETS:
        parts[f"precision-{name}"] = partial(_precision, name)
    foreign = has_foreign_detector(CACHE / "picodet")
    if foreign:
        parts["precision-picodet"] = _foreign_precision
    for name in ("deeppcb", "voc07_general20", *([PICODET] if foreign else [])):
        key = f"labels-{BY_ID['labels'].version}-{name}"
        parts[key] = partial(_mistakes, name)
    parts[f"drift-{BY_ID['drift'].version}"] = _drift
    reference = _reference()
    if reference is None:
        sys.stderr.write(
            "without tidecv, which is not installed (pip install tidecv)\n"
        )
    else:
        for name in SETS:
            key = f"tide-{BY_ID['errors'].version}-{name}"
            parts[key] = partial(_tide, name, reference)
    yield from measured("findings", parts)


def _case(name: str, data: Path | None = None) -> Case:
    if data is None:
        source = name.partition(",")[0]
        data = CACHE / f"{source}-{NUM}"
        if not data.exists():
            subset(source, data, splits=("val",), num=NUM)
    is_foreign = name == PICODET
    spec = DiagnoseSpec(
        model=str(CACHE / "picodet") if is_foreign else SETS[name],
        data=str(data), out=str(CACHE / "out"), cache=str(CACHE), num_threads=2,
        mapping=RENAMED if is_foreign else {},
    )  # fmt: skip
    return Case(spec, tell=lambda _num: None)


def _precision(name: str) -> Iterator[Row]:
    case = _case(name)
    yield Row(
        what=f"AP on {name} ({len(case.truth.images)} images), from pycocotools'",
        value=_gap_to_pycocotools(case),
        unit="",
        goal=1e-6,
    )


def _foreign_precision() -> Iterator[Row]:
    case = _case(PICODET)
    ap, ap50 = mean_ap(case.judged)[:2]
    for kind, value in (("AP", ap), ("AP50", ap50)):
        yield Row(what=f"{kind} in a report on {PICODET}", value=value, unit="")


def _gap_to_pycocotools(case: Case) -> float:
    from tests.unit.deepseek_diagnostics.test_measures import (  # noqa: PLC0415
        by_pycocotools,
    )

    ours = np.array(mean_ap(case.judged)[:3])
    return float(np.abs(ours - by_pycocotools(case)[:3]).max())


def _mistakes(name: str) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        planted = plant(Path(_case(name).spec.data), Path(folder) / "spoiled", seed=0)
        case = _case(name, planted.folder)
        suspects = find_suspects(case)
    nums = {
        "missing": len(planted.missing),
        "class": len(planted.wrong),
        "place": len(planted.moved),
    }
    for kind in KINDS:
        some = [one for one in suspects if one.kind == kind]
        hits = [_fault_of(case, one, planted) is not None for one in some]
        yield Row(
            what=f"{name}: of the first 100 “{kind}” suspects, planted ones "
            f"({nums[kind]} were planted)",
            value=float(np.mean(hits[:100])),
            unit="",
            goal=None if kind == "place" else 0.7,
            is_more_better=True,
        )
        found = len({_fault_of(case, o, planted) for o in some[: nums[kind]]} - {None})
        yield Row(
            what=f"{name}: of {nums[kind]} planted “{kind}” faults, found in as many",
            value=found / nums[kind],
            unit="",
        )


def _fault_of(case: Case, one: Suspect, planted: Planted) -> object:
    """The planted fault that a suspect points at, or None."""
    if one.kind == "missing":
        image = case.truth.images[one.image].id
        box = case.found.boxes_M4[[one.box]]
        for number, (where, corners) in enumerate(planted.missing):
            if where == image and iou(np.array([corners]), box)[0, 0] >= 0.4:
                return number
        return None
    own = case.truth.ids[one.row]
    return (
        own
        if own in (planted.wrong if one.kind == "class" else planted.moved)
        else None
    )


def _drift() -> Iterator[Row]:
    """Halves of one set, and halves of which one is darkened or has fewer objects."""
    seen = _case("voc07_general20").seen
    num = len(seen.vectors_ID)
    rng = np.random.default_rng(0)
    columns = drift_columns(seen)
    alarms = []
    for _turn in range(NUM_SAME):
        mixed = rng.permutation(num)
        old, new = mixed[: num // 2], mixed[num // 2 :]
        alarms.append(_alarm(seen.vectors_ID, columns, old, new, rng))
    yield Row(
        what=f"drift: false alarms in {NUM_SAME} random halves of {num} images",
        value=float(np.mean(alarms)),
        unit="",
        goal=0.05,
    )
    shifts = {
        "darker": np.argsort(seen.statistic("brightness")),
        "blurred": np.argsort(seen.statistic("sharpness")),
        "emptier": np.argsort(columns["num_boxes"]),
    }
    for name, order in shifts.items():
        for share in (0.1, 0.2, 0.33):
            alarms = []
            for _turn in range(NUM_SHIFTED):
                num_new = num // 3
                # These come from the lowest quarter, the rest from anywhere.
                low = rng.permutation(order[: num // 4])[: round(share * num_new)]
                rest = np.setdiff1d(rng.permutation(num), low)
                rest = rng.permutation(rest)
                at = num_new - len(low)
                new, old = np.r_[low, rest[:at]], rest[at:]
                alarms.append(_alarm(seen.vectors_ID, columns, old, new, rng))
            yield Row(
                what=f"drift: alarms where {share:.0%} of {num_new} new images are "
                f"{name} ones ({NUM_SHIFTED} turns)",
                value=float(np.mean(alarms)),
                unit="",
            )


def _alarm(
    vectors: np.ndarray,
    columns: dict[str, np.ndarray],
    old: np.ndarray,
    new: np.ndarray,
    rng: np.random.Generator,
) -> bool:
    whole = {name: v for name, v in columns.items() if len(v) == len(vectors)}
    least = min(float(ks_2samp(v[old], v[new]).pvalue) for v in whole.values())
    _distance, p = mmd(vectors[old], vectors[new], rng)
    return p <= 0.025 or least * len(whole) <= 0.025


def _tide(name: str, reference: Any) -> Iterator[Row]:
    case = _case(name)
    truth, found = case.truth, case.found
    gold, said = reference.Data("gold"), reference.Data("said")
    for row in range(len(truth)):
        x1, y1, x2, y2 = truth.boxes_N4[row].tolist()
        add = gold.add_ignore_region if truth.ignored_N[row] else gold.add_ground_truth
        add(
            int(truth.image_N[row]),
            int(truth.classes_N[row]),
            [x1, y1, x2 - x1, y2 - y1],
        )
    for row in range(len(found)):
        x1, y1, x2, y2 = found.boxes_M4[row].tolist()
        said.add_detection(
            int(found.image_M[row]), int(found.classes_M[row]),
            float(found.scores_M[row]), [x1, y1, x2 - x1, y2 - y1],
        )  # fmt: skip
    run = reference.TIDE()
    run.evaluate(gold, said, mode=reference.TIDE.BOX)
    theirs = run.get_main_errors()["said"]
    ours = costs_of(truth, found, find_faults(truth, found))
    gaps = [abs(100 * ours[k] - theirs[NAMES_OF_TIDE[k]]) for k in TIDE_KINDS]
    yield Row(
        what=f"{name}: the largest gap of an error's cost to tidecv 1.0.1",
        value=float(max(gaps)),
        unit="points of AP",
        goal=0.05,
    )


def _reference() -> Any:
    """The published implementation, without the libraries that it draws with."""
    if importlib.util.find_spec("tidecv") is None:
        return None
    drawing = ("cv2", "matplotlib", "matplotlib.pyplot", "appdirs")
    missing = [
        name
        for name in drawing
        if name not in sys.modules
        and importlib.util.find_spec(name.split(".")[0]) is None
    ]
    for name in [*missing, "tidecv.plotting"]:
        stub = types.ModuleType(name)
        stub.__dict__.update(
            user_data_dir=lambda *_a: "",
            pyplot=stub,
            FONT_HERSHEY_SIMPLEX=0,
            Plotter=object,
        )
        sys.modules[name] = stub
    return importlib.import_module("tidecv")
