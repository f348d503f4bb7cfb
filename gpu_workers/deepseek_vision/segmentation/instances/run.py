"""From folders of outlined pictures to an instance segmenter's directory."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from deepseek_vision.data.coco import CocoSet, read_together
from deepseek_vision.errors import DatasetError
from deepseek_vision.hub import TORCH_FILE as DETECTOR_FILE
from deepseek_vision.hub import find_model
from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.segmentation.halves import load_weights, save_weights
from deepseek_vision.segmentation.instances.directory import (
    ONNX_FILE,
    TORCH_FILE,
    InstanceConfig,
    find_instances,
)
from deepseek_vision.segmentation.instances.export import export_instances
from deepseek_vision.segmentation.instances.measure import Answered, measure_masks
from deepseek_vision.segmentation.instances.network import (
    InstanceSegmenter,
    build_instance_segmenter,
)
from deepseek_vision.segmentation.instances.predict import load_instances
from deepseek_vision.segmentation.instances.training import (
    InstanceRecipe,
    train_instances,
)
from deepseek_vision.segmentation.packing import MaskSet, pack_objects
from deepseek_vision.training.run import load_matching, read_weights

LOG_FILE, RECIPE_FILE, CARD_FILE = "training.jsonl", "recipe.json", "README.md"
LEAST_SCORE = 0.02  # of what is measured


class Listener(Protocol):
    """Hears of a training: what it learns from, then losses every few steps."""

    def begin(self, num_images: int, num_parameters: int, coco: CocoSet) -> None: ...

    def step(self, step: int, share: float, losses: dict[str, float]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceJob:
    """What to learn from and where to put the result.

    `start_from` is a detector that is taken whole, `go_on_from` the folder of an
    instance segmenter; `size` counts where neither is given. With `is_small` the
    graph's weights are kept in 8 bits.
    """

    data: tuple[Path, ...]
    out: Path
    name: str
    start_from: str | None = None
    go_on_from: Path | None = None
    size: str = "small"
    device: str = "cpu"
    is_small: bool = False


def train(
    job: InstanceJob,
    recipe: InstanceRecipe,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    told: Listener | None = None,
) -> Path:
    """Train and export; returns the directory. `told` hears how it goes.

    Raises:
        VisionError: the data or the starting weights do not fit.
    """
    torch.manual_seed(recipe.seed)
    coco = read_together(job.data, splits=("train",))
    packed = pack_objects(coco, side=recipe.side_px)
    if not packed.numbers_NSS.any():
        raise DatasetError(f"{job.data[0]}: no polygon in any image of 'train'")
    config = InstanceConfig(name=job.name, classes=coco.classes, side_px=recipe.side_px)
    prompts = torch.from_numpy(class_embeddings(coco.classes))
    model, config = _start(job, config, packed, prompts)
    job.out.mkdir(parents=True, exist_ok=True)
    if told is not None:
        num_parameters = sum(p.numel() for p in model.parameters())
        told.begin(len(packed), num_parameters, coco)
    device = torch.device(job.device)
    with (job.out / LOG_FILE).open("w", encoding="utf-8") as log:

        def progress(step: int, share: float, losses: dict[str, float]) -> None:
            rounded = {name: round(value, 4) for name, value in losses.items()}
            line = {"step": step, "share": round(share, 3), **rounded}
            log.write(json.dumps(line) + "\n")
            log.flush()
            if told is not None:
                told.step(step, share, losses)

        trained = train_instances(
            model.to(device),
            packed.to(device),
            prompts.to(device),
            recipe,
            progress,
            should_stop,
        )
    save_weights(trained, job.out / TORCH_FILE)
    export_instances(trained, job.out / ONNX_FILE, is_small=job.is_small)
    options = {**recipe.as_options(), "start_from": job.start_from}
    (job.out / RECIPE_FILE).write_text(json.dumps(options, indent=2) + "\n")
    (job.out / "config.json").write_text(config.to_json(), encoding="utf-8")
    (job.out / CARD_FILE).write_text(_card(config, job), encoding="utf-8")
    return job.out


def _start(
    job: InstanceJob, config: InstanceConfig, packed: MaskSet, prompts_PD: Tensor
) -> tuple[InstanceSegmenter, InstanceConfig]:
    if job.go_on_from is not None:
        folder, known = find_instances(job.go_on_from)
        model = build_instance_segmenter(known.size, known.options)
        load_weights(model, folder / TORCH_FILE)
        return model, replace(config, size=known.size, options=known.options)
    size = find_model(job.start_from).config.size if job.start_from else job.size
    model = build_instance_segmenter(size)
    if job.start_from is not None:
        given = read_weights(find_model(job.start_from).path / DETECTOR_FILE)
        load_matching(model.detector, given)
        regain_statistics(
            model.detector,
            packed.images_N3SS,
            lambda some: model.detector(some, prompts_PD),
        )
    return model, replace(config, size=size, options=model.size.as_options())


def _card(config: InstanceConfig, job: InstanceJob) -> str:
    data = ", ".join(folder.resolve().name for folder in job.data)
    begun = job.start_from or job.go_on_from or "random weights"
    return f"""---
library_name: deepseek_vision
pipeline_tag: image-segmentation
tags: [instance-segmentation, onnx]
---
# {config.name}: objects with their masks

Trained on {data} from {begun}; classes: {", ".join(config.classes)}. Pictures are
answered at {config.side_px} px. `recipe.json` holds the recipe, `training.jsonl` how
the losses went.

    python -m deepseek_vision find-instances {job.out.resolve().name} PICTURES --draw drawn
    python -m deepseek_vision evaluate-instances {job.out.resolve().name} FOLDER
"""


def evaluate(
    folder: str | Path, data: Path, *, split: str = "val", num_threads: int = 1
) -> dict[str, float]:
    """Measure through the runtime that serves.

    Raises:
        VisionError: the model or the set cannot be read.
    """
    model = load_instances(folder, num_threads=num_threads)
    classes = model.config.classes
    return measure_masks(
        lambda picture: [
            Answered(
                classes.index(one.label),
                one.score,
                one.mask(width=picture.width, height=picture.height),
            )
            for one in model.find(picture, score_threshold=LEAST_SCORE)
        ],
        data,
        classes=classes,
        split=split,
    )
