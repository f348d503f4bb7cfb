"""From a folder of labelled pictures to a model directory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepseek_vision import events
from deepseek_vision.data.coco import CocoSet, PackedSet, pack, read_together
from deepseek_vision.errors import ModelFormatError
from deepseek_vision.export import export_onnx
from deepseek_vision.foreign import PicoDetTeacher
from deepseek_vision.hub import (
    PRECISIONS,
    TORCH_FILE,
    ModelConfig,
    find_model,
    make_readable,
    refuse_pickle,
    write_prompts,
)
from deepseek_vision.images import Pixels, letterbox, read_picture
from deepseek_vision.model.backbone import load_imagenet
from deepseek_vision.model.detector import Detector, build_detector
from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.quantize import quantize_onnx, read_plan
from deepseek_vision.training.checkpoint import CheckpointFile
from deepseek_vision.training.loop import Datasets, Report, Teacher, Trainer
from deepseek_vision.training.recipe import Recipe
from deepseek_vision.training.verdict import write_verdict

_NUM_CALIBRATION = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to learn from and where to put the result.

    `start_from` is a model (name or folder) whose weights are taken where they fit;
    `imagenet` a published EfficientNet-Lite file, for the backbone alone. `teacher` is
    a foreign ONNX detector to imitate, `teacher_class_of` its class number for each
    of ours, or -1. With `checkpoint` a run that is cut off, or told to stop, goes on
    from that file when it is started again. `num_samples` validation pictures are told
    about at each evaluation.
    """

    data: tuple[Path, ...]
    out: Path
    name: str
    start_from: str | None = None
    imagenet: Path | None = None
    teacher: Path | None = None
    teacher_class_of: tuple[int, ...] = ()
    device: str = "cpu"
    checkpoint: Path | None = None
    checkpoint_every_s: float = 20.0
    num_samples: int = 0


def train(
    job: Job,
    recipe: Recipe,
    *,
    report: Report,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path | None:
    """Train, export, quantise; returns the model directory.

    None where it was told to stop and has kept a checkpoint instead.

    Raises:
        VisionError: when the data or the starting weights do not fit.
    """
    torch.manual_seed(recipe.seed)
    trainer, prompts = _trainer(job, recipe, report)
    train_coco = read_together(job.data, splits=("train",))
    kept = _checkpoint_file(job, recipe)
    state = kept.load() if kept is not None else None
    report(
        events.TrainingStarted(
            num_images=len(trainer.sets.train),
            num_steps=recipe.num_steps,
            num_parameters=sum(p.numel() for p in trainer.model.parameters()),
            classes=train_coco.classes,
            first_step=state.numbers["steps_done"] if state is not None else 0,
        )
    )
    if state is not None:
        trainer.restore(state)

    def save() -> None:
        if kept is not None:
            kept.save(trainer.state())
            report(events.CheckpointSaved(step=trainer.steps_done, path=str(kept.path)))

    trainer.run(
        should_stop=should_stop,
        keep=lambda: save() if kept is not None and kept.is_due else None,
    )
    if kept is not None and should_stop():
        save()
        return None
    outcome = trainer.finish()
    save()
    config = ModelConfig(
        name=job.name,
        classes=train_coco.classes,
        size=recipe.size,
        side_px=recipe.side_px,
        options=recipe.options,
        metrics={"val": outcome.metrics},
    )
    results = trainer.find(outcome.model)
    best = in_layout(outcome.model.cpu(), torch.contiguous_format)
    write_model(job.out, best, config, prompts=prompts)
    (job.out / "recipe.json").write_text(recipe.to_json() + "\n", encoding="utf-8")
    write_verdict(
        job.out,
        trainer.sets.val_coco,
        results,
        metrics=outcome.metrics,
        score_threshold=config.score_threshold,
    )
    write_serving_files(job.out, best, config, calibration=train_coco)
    report(
        events.TrainingFinished(
            num_steps=outcome.num_steps,
            best=outcome.metrics,
            elapsed_s=round(outcome.elapsed_s, 2),
            path=str(job.out),
        )
    )
    return job.out


def _trainer(job: Job, recipe: Recipe, report: Report) -> tuple[Trainer, Tensor]:
    """Read the data, build the model; returns also the prompts, on the CPU."""
    train_coco = read_together(job.data, splits=("train",))
    val_coco = read_together(job.data, splits=("val",))
    device = torch.device(job.device)
    prompts = torch.from_numpy(class_embeddings(train_coco.classes))
    model = build_detector(recipe.size, recipe.options)
    train = pack(train_coco, side=recipe.side_px)
    prepare_weights(model, job, train, prompts)
    sets = Datasets(
        train=train.to(device),
        val=pack(val_coco, side=recipe.side_px).to(device),
        val_coco=val_coco,
    )
    trainer = Trainer(
        in_layout(model, torch.channels_last).to(device),
        sets,
        recipe,
        prompts.to(device),
        report=report,
        teacher=_teacher(job),
    )
    trainer.num_samples = job.num_samples
    return trainer, prompts


def _checkpoint_file(job: Job, recipe: Recipe) -> CheckpointFile | None:
    if job.checkpoint is None:
        return None
    return CheckpointFile(
        job.checkpoint, every_s=job.checkpoint_every_s, recipe=recipe.to_json()
    )


def _teacher(job: Job) -> Teacher | None:
    if job.teacher is None:
        return None
    teacher = PicoDetTeacher(job.teacher, job.teacher_class_of)
    return teacher.to(job.device).eval()


def in_layout(model: Detector, layout: torch.memory_format) -> Detector:
    """Image kernels are faster with channels last; files keep the usual."""
    for value in model.parameters():
        if value.dim() == 4:
            value.data = value.data.contiguous(memory_format=layout)
    return model


def prepare_weights(
    model: Detector, job: Job, train: PackedSet, prompts_PD: Tensor
) -> None:
    """Start from published or own weights where the job says so."""
    if job.imagenet is not None:
        weights = torch.load(job.imagenet, map_location="cpu", weights_only=True)
        load_imagenet(model.backbone, weights)
    if job.start_from is not None:
        load_matching(model, read_weights(find_model(job.start_from).path / TORCH_FILE))
        regain_statistics(model, train.images, lambda some: model(some, prompts_PD))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read safetensors weights, in float32.

    Raises:
        ModelFormatError: when the file is missing, a pickle or damaged.
    """
    refuse_pickle(path)
    if not path.is_file():
        raise ModelFormatError(f"{path}: no such file")
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(path).items()
    }


def load_matching(model: Detector, weights: dict[str, Tensor]) -> None:
    """Take over weights of the same architecture.

    Raises:
        ModelFormatError: when any name or shape differs.
    """
    own = model.state_dict()
    wrong = [
        name
        for name in own
        if not name.endswith("num_batches_tracked")
        and (name not in weights or weights[name].shape != own[name].shape)
    ]
    if wrong:
        raise ModelFormatError(
            f"weights are not of this architecture: {len(wrong)} of {len(own)} tensors "
            f"differ, first {wrong[0]}"
        )
    model.load_state_dict(weights, strict=False)


def write_model(
    out: Path, model: Detector, config: ModelConfig, *, prompts: Tensor
) -> None:
    """Write config, prompts and float16 weights."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    save_file(weights, out / TORCH_FILE)
    make_readable(out / TORCH_FILE)
    write_prompts(out, prompts.numpy())
    (out / "config.json").write_text(config.to_json(), encoding="utf-8")


def write_serving_files(
    out: Path, model: Detector, config: ModelConfig, *, calibration: CocoSet
) -> None:
    """Write the fp32 and int8 ONNX files."""
    fp32 = out / PRECISIONS["fp32"]
    export_onnx(model, fp32)
    float_parts, ranges = read_plan(out)
    quantize_onnx(
        fp32,
        out / PRECISIONS["int8"],
        pictures=calibration_pictures(calibration, side=config.side_px),
        prompts_PD=class_embeddings(config.classes),
        float_parts=float_parts,
        ranges=ranges,
    )


def restore(folder: Path) -> tuple[Detector, ModelConfig]:
    """The torch model of a model directory, in evaluation mode.

    Raises:
        VisionError: when the folder or its weights do not fit.
    """
    config = find_model(folder).config
    model = build_detector(config.size, config.options)
    load_matching(model, read_weights(folder / TORCH_FILE))
    return model.eval(), config


def export_folder(folder: Path, *, data: tuple[Path, ...]) -> None:
    """Write the ONNX files of a model directory anew, calibrated on `data`."""
    model, config = restore(folder)
    calibration = read_together(data, splits=("train",))
    write_serving_files(folder, model, config, calibration=calibration)


def calibration_pictures(coco: CocoSet, *, side: int) -> list[Pixels]:
    """Evenly picked training pictures as the detector will see them."""
    step = max(1, len(coco.images) // _NUM_CALIBRATION)
    chosen = coco.images[::step][:_NUM_CALIBRATION]
    return [
        np.ascontiguousarray(
            letterbox(
                read_picture(coco.folder / image["file_name"], wanted_side=side),
                side=side,
                stride=32,
            ).pixels
        )
        for image in chosen
    ]
