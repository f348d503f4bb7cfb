"""An instance segmenter trained as a child process trains a detector: same spec, events."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from deepseek_vision import events
from deepseek_vision.data.coco import CocoSet, read_coco
from deepseek_vision.errors import DatasetError
from deepseek_vision.images import Picture
from deepseek_vision.segmentation.instances import run
from deepseek_vision.segmentation.instances.directory import holds_instances
from deepseek_vision.segmentation.instances.measure import Answered, measure_masks
from deepseek_vision.segmentation.instances.predict import load_instances
from deepseek_vision.segmentation.instances.training import InstanceRecipe, rate_at
from deepseek_vision.segmentation.semantic.packing import read_truth
from deepseek_vision.spec import TrainSpec
from deepseek_vision.training.recipe import Recipe
from deepseek_vision.training.verdict import write_verdict

Report = Callable[[events.Event], None]


def run_train(
    spec: TrainSpec,
    recipe: Recipe,
    out: Path,
    *,
    report: Report,
    should_stop: Callable[[], bool],
) -> bool:
    """Train, measure on `val`, and write what a portal publishes; False when stopped.

    `start_from` may be a detector, or an instance segmenter that has safetensors.

    Raises:
        VisionError: the data or the starting weights do not fit.
    """
    began = time.monotonic()
    _check(Path(spec.data[0]))
    goes_on = spec.start_from is not None and holds_instances(spec.start_from)
    own = recipe_of(recipe)
    job = run.InstanceJob(
        data=tuple(Path(one) for one in spec.data),
        out=out,
        name=spec.name,
        start_from=None if goes_on else spec.start_from,
        go_on_from=Path(str(spec.start_from)) if goes_on else None,
        size=recipe.size,
        device=spec.device,
    )
    run.train(job, own, should_stop=should_stop, told=Told(own, report))
    if should_stop():
        return False
    metrics = measure(out, job.data[0], num_threads=spec.num_threads or 1)
    report(
        events.EvaluationDone(step=own.num_steps, metrics=metrics, is_best=True),
    )
    report(
        events.TrainingFinished(
            num_steps=own.num_steps,
            best=metrics,
            elapsed_s=round(time.monotonic() - began, 2),
            path=str(out),
        )
    )
    return True


def _check(data: Path) -> None:
    """Say before a training what measuring would say after it.

    Raises:
        DatasetError: nothing is outlined in `val`.
    """
    coco = read_coco(data, splits=("val",))
    shown = (one for image in coco.images for one in coco.objects.get(image["id"], []))
    if not any(one.get("segmentation") for one in shown):
        raise DatasetError(
            f"{data}: nothing is outlined in any image of 'val': draw polygons or masks "
            "there, or train boxes"
        )


def recipe_of(recipe: Recipe) -> InstanceRecipe:
    """What of a detector's recipe an instance segmenter's has; the rest is its own."""
    look = recipe.augmentation
    return InstanceRecipe(
        num_steps=recipe.num_steps,
        max_seconds=recipe.max_seconds,
        batch_size=recipe.batch_size,
        side_px=recipe.side_px,
        any_way_up=look.vertical_flip_share > 0,
        light=look.colour,
        lr=recipe.lr,
        trunk_lr_share=recipe.backbone_lr_share,
        weight_decay=recipe.weight_decay,
        warmup_steps=recipe.warmup_steps,
        prompt_noise=recipe.prompt_noise,
        ema_decay=recipe.ema_decay,
        seed=recipe.seed,
    )


class Told:
    """Turns what a training tells into events."""

    def __init__(self, recipe: InstanceRecipe, report: Report) -> None:
        self._recipe, self._report = recipe, report
        self._step, self._at = 0, time.monotonic()

    def begin(self, num_images: int, num_parameters: int, coco: CocoSet) -> None:
        self._at = time.monotonic()
        self._report(
            events.TrainingStarted(
                num_images=num_images,
                num_steps=self._recipe.num_steps,
                num_parameters=num_parameters,
                classes=coco.classes,
            )
        )

    def step(self, step: int, share: float, losses: dict[str, float]) -> None:
        now = time.monotonic()
        num = (step + 1 - self._step) * self._recipe.batch_size
        speed = num / max(1e-6, now - self._at)
        self._step, self._at = step + 1, now
        parts = {name: value for name, value in losses.items() if name != "total"}
        self._report(
            events.StepDone(
                step=step + 1,
                loss=losses["total"],
                lr=self._recipe.lr * rate_at(step, share, self._recipe),
                images_per_s=round(speed, 2),
                losses=parts,
            )
        )


def measure(folder: Path, data: Path, *, num_threads: int) -> dict[str, float]:
    """Precision of boxes and masks on `val`, kept in the folder with its verdict."""
    model = load_instances(folder, num_threads=num_threads)
    classes = model.config.classes
    said: list[list[dict[str, Any]]] = []

    def ask(picture: Picture) -> list[Answered]:
        found = model.find(picture, score_threshold=run.LEAST_SCORE)
        rows, answers = [], []
        for one in found:
            x1, y1, x2, y2 = one.box_xyxy
            number = classes.index(one.label)
            rows.append(
                {
                    "category_id": number,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "score": one.score,
                }
            )
            mask = one.mask(width=picture.width, height=picture.height)
            answers.append(Answered(number, one.score, mask))
        said.append(rows)
        return answers

    measured = measure_masks(ask, data, classes=classes)
    metrics = {name.removeprefix("box_"): value for name, value in measured.items()}
    coco = read_truth(data, split="val", classes=classes)
    results = [
        {"image_id": image["id"], **row}
        for image, rows in zip(coco.images, said, strict=True)
        for row in rows
    ]
    config = replace(model.config, metrics={"val": metrics})
    (folder / "config.json").write_text(config.to_json(), encoding="utf-8")
    write_verdict(
        folder,
        coco,
        results,
        metrics=metrics,
        score_threshold=config.score_threshold,
    )
    return metrics
