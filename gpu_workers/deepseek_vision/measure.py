"""Average precision of a model exactly as it serves."""

from pathlib import Path
from typing import Any

from deepseek_vision.data.coco import read_coco
from deepseek_vision.metrics import as_results, as_truth, average_precision
from deepseek_vision.predict import ObjectDetector, load_model

_LEAST_SCORE = 0.01
_MAX_NUM = 100


def evaluate_served(
    name: str | Path,
    data: Path,
    *,
    precision: str,
    split: str = "val",
    side_px: int | None = None,
) -> dict[str, float]:
    """COCO figures through decode, resize, ONNX Runtime and suppression."""
    model = load_model(name, precision=precision)
    coco = read_coco(data, splits=(split,), classes=model.classes)
    detector = ObjectDetector(model, side_px=side_px)
    results: list[dict[str, Any]] = []
    for image in coco.images:
        found = detector.find(
            coco.folder / image["file_name"], score_threshold=_LEAST_SCORE
        )
        results += as_results(
            image["id"],
            found.boxes_xyxy_N4[:_MAX_NUM],
            found.scores_N[:_MAX_NUM],
            found.classes_N[:_MAX_NUM],
        )
    return average_precision(as_truth(coco), results)
