"""`python -m deepseek_diagnostics.evaluate RUN_DIR`: COCO figures of a served model.

Any model that a server here runs and that answers with boxes is measured as it serves,
whatever made it: runners are found by entry point, as `model_server` finds them.
`RUN_DIR/spec.json` says `directory`, `data`, `split` and `num_threads`; a line of JSON
says how far it is, and `RUN_DIR/figures.json` is what came of it.
"""

import json
import math
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_diagnostics.average import AREAS, judge, mean_ap
from deepseek_diagnostics.data import Boxes, Truth, read_truth
from deepseek_diagnostics.errors import DataError, DiagnosticsError
from deepseek_diagnostics.seeing import LEAST_SCORE, load_runner
from deepseek_diagnostics.spec import same_name

METHOD = 1  # of the measuring; another number makes figures incomparable
TOLD_EVERY_S = 0.5


def evaluate(spec: dict[str, Any]) -> dict[str, Any]:
    """Ask the model about each picture and compare with what was labeled.

    Raises:
        DiagnosticsError: It does not answer with boxes, or the data cannot be read.
        ValueError: It refuses a picture.
    """
    truth = read_truth(Path(spec["data"]), splits=(spec["split"],))
    runner = load_runner(Path(spec["directory"]), num_threads=spec["num_threads"])
    found, took_ms = _ask_all(runner, truth)
    judged = judge(truth, found)
    ap, ap50, ap75, per_class = mean_ap(judged)
    sized = {
        f"ap_{name}": _figure(mean_ap(judge(truth, found, sides=sides))[0])
        for name, sides in AREAS.items()
        if name != "all"
    }
    return {
        "ap": _figure(ap) or 0.0,
        "ap50": _figure(ap50),
        "ap75": _figure(ap75),
        **sized,
        "num_images": len(truth.images),
        "num_objects": int((~truth.ignored_N).sum()),
        "time_ms": round(statistics.median(took_ms[1:] or took_ms), 2),
        "ap_of_classes": {
            name: _figure(float(value))
            for name, value in zip(truth.classes, per_class, strict=True)
        },
    }


def _ask_all(runner: Any, truth: Truth) -> tuple[Boxes, list[float]]:
    number_of = {same_name(name): number for number, name in enumerate(truth.classes)}
    rows: list[tuple[int, list[float], float, int]] = []
    took_ms: list[float] = []
    told_at = 0.0
    for number, image in enumerate(truth.images):
        content = image.path.read_bytes()
        began = time.perf_counter()
        [answer] = runner.answer(
            [runner.read(content)], [{"score_threshold": LEAST_SCORE}]
        )
        took_ms.append(1000 * (time.perf_counter() - began))
        boxes = answer.get("detections", answer.get("instances"))
        if boxes is None:
            raise DataError("the model answers with no boxes: it cannot be measured so")
        for row in boxes:
            at = number_of.get(same_name(row["label"]))
            if at is not None:
                rows.append((number, row["bbox"], row["score"], at))
        if time.monotonic() - told_at > TOLD_EVERY_S or number + 1 == len(truth.images):
            told_at = time.monotonic()
            _tell(number + 1, len(truth.images))
    return _as_boxes(rows), took_ms


def _as_boxes(rows: list[tuple[int, list[float], float, int]]) -> Boxes:
    rows = sorted(rows, key=lambda row: (row[0], -row[2]))
    return Boxes(
        image_M=np.array([row[0] for row in rows], np.int64),
        boxes_M4=np.array([row[1] for row in rows], np.float64).reshape(-1, 4),
        scores_M=np.array([row[2] for row in rows], np.float64),
        classes_M=np.array([row[3] for row in rows], np.int64),
    )


def _figure(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _tell(num_done: int, num_total: int) -> None:
    line = json.dumps({"num_done": num_done, "num_total": num_total})
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(folder: Path) -> int:
    spec = json.loads((folder / "spec.json").read_text())
    try:
        figures = evaluate(spec)
    except (DiagnosticsError, ValueError, RuntimeError) as error:
        reason = str(error).replace(spec["directory"], "the model").replace("\n", " ")
        sys.stderr.write(f"{reason}\n")
        return 1
    told = {"figures": figures, "code_version": f"{version('dsportal')}/{METHOD}"}
    (folder / "figures.json").write_text(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
