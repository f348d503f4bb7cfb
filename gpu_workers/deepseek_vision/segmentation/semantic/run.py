"""From folders of outlined pictures to a segmenter's directory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.segmentation.halves import load_weights, save_weights
from deepseek_vision.segmentation.semantic.directory import (
    ONNX_FILE,
    TORCH_FILE,
    SegmenterConfig,
    find_segmenter,
)
from deepseek_vision.segmentation.semantic.export import export_segmenter
from deepseek_vision.segmentation.semantic.measure import measure
from deepseek_vision.segmentation.semantic.network import (
    SegmenterSize,
    SemanticSegmenter,
    build_segmenter,
    start_from_detector,
)
from deepseek_vision.segmentation.semantic.packing import pack_classes
from deepseek_vision.segmentation.semantic.predict import load_segmenter
from deepseek_vision.segmentation.semantic.training import (
    SemanticRecipe,
    train_segmenter,
)

RECIPE_FILE, LOG_FILE = "recipe.json", "training.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticJob:
    """What to learn from and where to put the result.

    `start_from` is a detector whose trunk is taken, `go_on_from` a segmenter of the
    same classes. `config` says all but classes, options and metrics.
    """

    data: tuple[Path, ...]
    out: Path
    config: SegmenterConfig
    start_from: str | None = None
    go_on_from: Path | None = None
    device: str = "cpu"


def train(
    job: SemanticJob,
    recipe: SemanticRecipe,
    *,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train and export; returns the directory.

    Raises:
        VisionError: the data or the starting weights do not fit.
    """
    torch.manual_seed(recipe.seed)
    packed = pack_classes(job.data, zoom=job.config.zoom)
    size = SegmenterSize()
    model = build_segmenter(len(packed.classes), size.as_options())
    _start(model, job)
    regain_statistics(model, packed.images_N3HW, model)
    job.out.mkdir(parents=True, exist_ok=True)
    config = replace(job.config, classes=packed.classes, options=size.as_options())
    device = torch.device(job.device)
    with (job.out / LOG_FILE).open("w", encoding="utf-8") as log:

        def progress(step: int, share: float, losses: dict[str, float]) -> None:
            rounded = {name: round(value, 4) for name, value in losses.items()}
            line = {"step": step, "share": round(share, 3), **rounded}
            log.write(json.dumps(line) + "\n")
            log.flush()

        trained = train_segmenter(
            model.to(device), packed.to(device), recipe, progress, should_stop
        )
    save_weights(trained, job.out / TORCH_FILE)
    export_segmenter(trained, job.out / ONNX_FILE)
    options = {**recipe.as_options(), "start_from": job.start_from}
    (job.out / RECIPE_FILE).write_text(json.dumps(options, indent=2) + "\n")
    (job.out / "config.json").write_text(config.to_json(), encoding="utf-8")
    return job.out


def evaluate(
    name: str | Path, folder: Path, *, split: str = "val", num_threads: int = 1
) -> dict[str, dict[str, float]]:
    """Measure a segmenter through the runtime that serves.

    Raises:
        VisionError: the model or the set cannot be read.
    """
    model = load_segmenter(name, num_threads=num_threads)
    return measure(
        lambda picture: model.segment(picture).classes_HW,
        folder,
        classes=model.config.classes,
        split=split,
        spacing_mm=model.config.spacing_mm,
    )


def _start(model: SemanticSegmenter, job: SemanticJob) -> None:
    if job.go_on_from is not None:
        folder, _ = find_segmenter(job.go_on_from)
        load_weights(model, folder / TORCH_FILE)
    elif job.start_from is not None:
        start_from_detector(model, job.start_from)
