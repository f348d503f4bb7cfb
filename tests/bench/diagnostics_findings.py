"""Are the diagnostics' findings true? Real sets with planted faults; see below each row."""

import importlib.util
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from deepseek_diagnostics.average import mean_ap
from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import iou
from deepseek_diagnostics.spec import DiagnoseSpec
from deepseek_diagnostics.suspecting import KINDS, Suspect, find_suspects
from deepseek_diagnostics.tide import KINDS as TIDE_KINDS
from deepseek_diagnostics.tide import costs_of, find_faults
from deepseek_diagnostics.tools.drift import mmd
from deepseek_diagnostics.tools.drift import properties as drift_columns
from tests.bench.diagnostics_planted import DATA, Planted, plant, subset
from tests.bench.rows import Row

PAGE = "benchmarks-diagnostics.md"
CACHE = Path(tempfile.gettempdir()) / "dsportal-bench-diagnostics"
SETS = (
    ("deeppcb", "deepseek_vision_v2", ("val",)),
    ("voc07_general20", "deepseek_vision_v2_general20", ("val",)),
    ("fod_airport31", "deepseek_vision_v2", ("val",)),
)
NUM = 500
NUM_SPLITS = 100
NAMES_OF_TIDE = {
    "class": "Cls", "location": "Loc", "both": "Both", "duplicate": "Dupe",
    "background": "Bkg", "missed": "Miss",
}  # fmt: skip


def measure() -> Iterator[Row]:
    if not DATA.exists():
        sys.stderr.write(f"skipped: the data is not at {DATA}\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        cases = {
            name: _case(
                model,
                subset(name, Path(folder) / name, splits=splits, num=NUM),
                Path(folder),
            )
            for name, model, splits in SETS
        }
        for name, case in cases.items():
            yield Row(
                what=f"AP on {name} ({len(case.truth.images)} images), from pycocotools'",
                value=_gap_to_pycocotools(case),
                unit="",
                goal=1e-6,
            )
        yield from _mistakes(cases, Path(folder))
        yield from _drift(cases["voc07_general20"])
        yield from _tide(cases)


def _case(model: str, data: Path, folder: Path) -> Case:
    spec = DiagnoseSpec(
        model=model, data=str(data), out=str(folder / "out"), cache=str(CACHE),
        num_threads=2,
    )  # fmt: skip
    return Case(spec, tell=lambda _num: None)


def _gap_to_pycocotools(case: Case) -> float:
    from tests.unit.deepseek_diagnostics.test_measures import (  # noqa: PLC0415
        by_pycocotools,
    )

    ours = np.array(mean_ap(case.judged)[:3])
    return float(np.abs(ours - by_pycocotools(case)[:3]).max())


def _mistakes(cases: dict[str, Case], folder: Path) -> Iterator[Row]:
    for name, model, _splits in SETS[:2]:
        planted = plant(Path(cases[name].spec.data), folder / f"{name}-spoiled", seed=0)
        case = _case(model, planted.folder, folder)
        suspects = find_suspects(case)
        for kind in KINDS:
            some = [one for one in suspects if one.kind == kind]
            hits = [_is_planted(case, one, planted) for one in some]
            nums = {
                "missing": len(planted.missing),
                "class": len(planted.wrong),
                "place": len(planted.moved),
            }
            is_goal = name == "deeppcb" and kind != "place"
            yield Row(
                what=f"{name}: of the first 100 “{kind}” suspects, planted ones",
                value=float(np.mean(hits[:100])),
                unit="",
                goal=0.7 if is_goal else None,
                is_more_better=True,
            )
            found = len(
                {_fault_of(case, o, planted) for o in some[: nums[kind]]} - {None}
            )
            yield Row(
                what=f"{name}: of {nums[kind]} planted “{kind}” faults, found in as many",
                value=found / nums[kind],
                unit="",
            )


def _is_planted(case: Case, one: Suspect, planted: Planted) -> bool:
    return _fault_of(case, one, planted) is not None


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


def _drift(case: Case) -> Iterator[Row]:
    """Halves of one set, and halves of which one is darkened or has fewer objects."""
    seen = case.seen
    num = len(seen.vectors_ID)
    rng = np.random.default_rng(0)
    shifts = {
        "same": np.arange(num),
        "darker": np.argsort(seen.statistic("brightness")),
        "blurred": np.argsort(seen.statistic("sharpness")),
    }
    columns = drift_columns(seen)
    for name, order in shifts.items():
        alarms = []
        for _turn in range(NUM_SPLITS):
            mixed = rng.permutation(num)
            if name != "same":
                # A third of the new half comes from the lowest quarter.
                low = rng.permutation(order[: num // 4])[: num // 6]
                rest = np.setdiff1d(mixed, low)
                new, old = np.r_[low, rest[: num // 3]], rest[num // 3 :]
            else:
                old, new = mixed[: num // 2], mixed[num // 2 :]
            alarms.append(_alarm(seen.vectors_ID, columns, old, new, rng))
        if name == "same":
            yield Row(
                what=f"drift: false alarms in {NUM_SPLITS} random halves of {num} images",
                value=float(np.mean(alarms)),
                unit="",
                goal=0.05,
            )
        else:
            yield Row(
                what=f"drift: alarms where a third of the new images is {name}",
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


def _tide(cases: dict[str, Case]) -> Iterator[Row]:
    reference = _reference()
    if reference is None:
        sys.stderr.write("skipped: tidecv is not installed (pip install tidecv)\n")
        return
    for name, case in cases.items():
        truth, found = case.truth, case.found
        gold, said = reference.Data("gold"), reference.Data("said")
        for row in range(len(truth)):
            x1, y1, x2, y2 = truth.boxes_N4[row].tolist()
            add = (
                gold.add_ignore_region
                if truth.ignored_N[row]
                else gold.add_ground_truth
            )
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
