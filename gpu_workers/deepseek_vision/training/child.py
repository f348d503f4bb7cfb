"""Training as a child process: a spec in RUN_DIR, events out, the model in RUN_DIR/model."""

import importlib
from collections.abc import Callable
from pathlib import Path

import torch

from deepseek_vision import events
from deepseek_vision.spec import TrainSpec
from deepseek_vision.training.run import Job, train

CHECKPOINT = "checkpoint.safetensors"
MODEL = "model"


def run_train(
    spec: TrainSpec,
    run_dir: Path,
    *,
    report: Callable[[events.Event], None],
    should_stop: Callable[[], bool],
) -> bool:
    """Train, or go on where RUN_DIR's checkpoint stands; False when it was stopped.

    What outlines keeps no checkpoint: a new attempt begins anew.

    Raises:
        VisionError: when the data or the starting weights do not fit.
    """
    if spec.num_threads:
        torch.set_num_threads(spec.num_threads)
    recipe = spec.recipe()
    if recipe.has_masks:
        outlines = importlib.import_module(
            "deepseek_vision.segmentation.instances.child"
        )
        return bool(
            outlines.run_train(
                spec, recipe, run_dir / MODEL, report=report, should_stop=should_stop
            )
        )
    job = Job(
        data=tuple(Path(one) for one in spec.data),
        out=run_dir / MODEL,
        name=spec.name,
        start_from=spec.start_from,
        device=spec.device,
        checkpoint=run_dir / CHECKPOINT,
        checkpoint_every_s=spec.checkpoint_every_s,
        num_samples=spec.num_samples,
    )
    return train(job, recipe, report=report, should_stop=should_stop) is not None
