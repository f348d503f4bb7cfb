"""From folders of pictures to a click segmenter's directory."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from deepseek_vision.errors import DatasetError, ModelFormatError
from deepseek_vision.hub import TORCH_FILE, find_model, read_tensors
from deepseek_vision.model.layers import regain_statistics
from deepseek_vision.segmentation.click.directory import (
    FORMAT,
    FORMAT_VERSION,
    find_click_folder,
)
from deepseek_vision.segmentation.click.export import export_click_segmenter
from deepseek_vision.segmentation.click.network import (
    ClickSegmenter,
    build_click_segmenter,
)
from deepseek_vision.segmentation.click.training import (
    ClickData,
    ClickRecipe,
    train_clicks,
)
from deepseek_vision.segmentation.halves import load_weights, save_weights
from deepseek_vision.segmentation.packing import MaskSet, join_sets, pack_masks

LOG_FILE = "training.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClickJob:
    """What to learn from and where to put the result.

    Attributes:
        real: Folders of everyday things with polygons.
        cells: Folders of small things with polygons, of which any side may be up.
        boxed: Folders whose boxes alone are learned from.
        out: The new model's folder.
        name: The model's.
        go_on_from: A click model that has safetensors; its name or folder.
        start_from: A detector whose trunk is taken, where no click model is given.
        sides_px: To which pictures of the three kinds are packed.
        most_boxed: Pictures with boxes that are taken of each folder.
        device: ``cpu`` or ``cuda``.
        seed: Of everything drawn.
    """

    real: tuple[Path, ...]
    cells: tuple[Path, ...]
    boxed: tuple[Path, ...]
    out: Path
    name: str
    go_on_from: str | None = None
    start_from: str | None = None
    sides_px: tuple[int, int, int] = (416, 512, 320)
    most_boxed: int = 500
    device: str = "cpu"
    seed: int = 0


def train(
    job: ClickJob, recipe: ClickRecipe, *, should_stop: Callable[[], bool]
) -> Path:
    """Train and export; returns the directory.

    Raises:
        VisionError: the data or the starting weights do not fit.
    """
    for kind, folders in (
        ("masks", job.real),
        ("cells", job.cells),
        ("boxes", job.boxed),
    ):
        if not folders:
            raise DatasetError(
                f"clicks are learned from three kinds: --{kind} has none"
            )
    torch.manual_seed(job.seed)
    model = build_click_segmenter(recipe.options)
    _start(model, job)
    device = torch.device(job.device)
    kinds = zip((job.real, job.cells, job.boxed), job.sides_px, strict=True)
    most = (None, None, job.most_boxed)
    real, cells, boxed = (
        _pack(folders, side, limit).to(device)
        for (folders, side), limit in zip(kinds, most, strict=True)
    )
    model.to(device)
    regain_statistics(model.encoder, real.images_N3SS, model.encoder)
    job.out.mkdir(parents=True, exist_ok=True)
    with (job.out / LOG_FILE).open("w", encoding="utf-8") as log:

        def progress(step: int, share: float, losses: dict[str, float]) -> None:
            rounded = {name: round(value, 4) for name, value in losses.items()}
            line = {"step": step, "share": round(share, 3), **rounded}
            log.write(json.dumps(line) + "\n")
            log.flush()

        trained = train_clicks(
            model,
            ClickData(real=real, cells=cells, boxed=boxed),
            recipe,
            progress,
            should_stop,
        )
    save_weights(trained, job.out / TORCH_FILE)
    export_click_segmenter(trained, job.out)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": job.name,
        "kind": "own",
        "side_px": max(recipe.sides_px),
    }
    text = json.dumps(config, indent=2) + "\n"
    (job.out / "config.json").write_text(text, encoding="utf-8")
    return job.out


def _pack(folders: tuple[Path, ...], side: int, limit: int | None) -> MaskSet:
    return join_sets([pack_masks(each, side=side, most=limit) for each in folders])


def _start(model: ClickSegmenter, job: ClickJob) -> None:
    if job.go_on_from is not None:
        load_weights(model, find_click_folder(job.go_on_from) / TORCH_FILE)
    elif job.start_from is not None:
        _take_trunk(model, job.start_from)


def _take_trunk(model: ClickSegmenter, name: str) -> None:
    path = find_model(name).path / TORCH_FILE
    given = {k: torch.from_numpy(v).float() for k, v in read_tensors(path).items()}
    own = {k: v for k, v in model.encoder.state_dict().items() if k in given}
    if not own or any(given[k].shape != v.shape for k, v in own.items()):
        raise ModelFormatError(
            f"{path}: has another trunk; start from a detector of size small"
        )
    model.encoder.load_state_dict({k: given[k] for k in own}, strict=False)
