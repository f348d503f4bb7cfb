"""Makes a model's 8-bit file anew, with some layers left in float."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from deepseek_diagnostics.data import read_truth
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.graphs import float_graph
from deepseek_vision.hub import PRECISIONS, ModelDirectory
from deepseek_vision.images import Pixels, letterbox, read_picture
from deepseek_vision.quantize import (
    Calibrated,
    quantize_onnx,
    read_plan,
    write_plan,
)

NUM_CALIBRATION = 64


def requantise(
    directory: ModelDirectory, out: Path, *, data: Path, float_layers: Sequence[str]
) -> None:
    """Write a copy of a model whose 8-bit file keeps these layers in float as well.

    What it kept in float before stays so, and ranges that training learned are used
    again; the others are measured on training pictures.

    Raises:
        DataError: The model has nothing to quantise, or no layer of that name.
    """
    shutil.copytree(directory.path, out)
    source = float_graph(directory, out.parent / "graphs")
    named = source.read_bytes()
    unknown = [one for one in float_layers if one.encode() not in named]
    if unknown:
        raise DataError(
            "the model has no layer called {names}", names=", ".join(unknown)
        )
    parts, ranges = read_plan(out)
    kept = tuple(dict.fromkeys([*parts, *float_layers]))
    quantize_onnx(
        source,
        out / PRECISIONS["int8"],
        pictures=_pictures(directory, data),
        prompts_PD=directory.read_prompts(),
        float_parts=kept,
        ranges=ranges,
    )
    write_plan(out, float_parts=kept, ranges=ranges)


def write_mixes(
    directory: ModelDirectory,
    folder: Path,
    *,
    data: Path,
    mixes: Mapping[str, Sequence[str]],
) -> dict[str, Path]:
    """8-bit files of one calibration that keep more layers in float than the model's.

    Args:
        directory: The model.
        folder: The files go there.
        data: Its training pictures, or any, give the ranges.
        mixes: The layers of each file, by a name for it.
    """
    parts, ranges = read_plan(directory.path)
    calibrated = Calibrated(
        float_graph(directory, folder / "graphs"),
        folder,
        pictures=_pictures(directory, data),
        prompts_PD=directory.read_prompts(),
        ranges=ranges,
    )
    files: dict[str, Path] = {}
    for name, layers in mixes.items():
        files[name] = folder / f"{len(files)}.onnx"
        calibrated.write(files[name], float_parts=(*parts, *layers))
    return files


def _pictures(directory: ModelDirectory, data: Path) -> list[Pixels]:
    """Some training pictures as the model gets them; of a set without, any."""
    images = read_truth(data).images
    images = tuple(one for one in images if one.split == "train") or images
    step = max(1, len(images) // NUM_CALIBRATION)
    config = directory.config
    return [
        letterbox(
            read_picture(one.path, wanted_side=config.side_px),
            side=config.side_px,
            stride=config.stride,
        ).pixels
        for one in images[::step][:NUM_CALIBRATION]
    ]
