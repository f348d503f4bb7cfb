"""How near an 8-bit graph answers to the float one, measured where it serves."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_vision.images import Pixels
from deepseek_vision.runtime import Array, RawOutput, Session

_SUREST = 20  # cells of a picture whose boxes count


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """How near an 8-bit graph answers: decibels of the logits, pixels of the boxes."""

    logits_db: float
    boxes_px: float


def fidelity(
    reference: Session,
    session: Session,
    *,
    pictures: Sequence[Pixels],
    prompts_PD: Array,
) -> Fidelity:
    """Compare on the machine that serves; boxes count where the reference is surest."""
    decibels, pixels = [], []
    for picture in pictures:
        exact = reference.run(picture[None], prompts_PD)
        near = session.run(picture[None], prompts_PD)
        decibels.append(signal_to_error(exact.logits_BAP, near.logits_BAP))
        pixels.append(_box_error(exact, near))
    return Fidelity(
        logits_db=float(np.median(decibels)), boxes_px=float(np.median(pixels))
    )


def signal_to_error(exact: Array, near: Array) -> float:
    """Decibels of the variance of `exact` over the mean squared difference."""
    error = float(np.square(exact - near).mean())
    return float(10 * np.log10(float(exact.var()) / max(error, 1e-20)))


def _box_error(exact: RawOutput, near: RawOutput) -> float:
    cells = exact.logits_BAP[0].max(axis=1).argsort()[-_SUREST:]
    difference = exact.boxes_xyxy_BA4[0, cells] - near.boxes_xyxy_BA4[0, cells]
    return float(np.abs(difference).mean())


def layer_fidelity(
    reference: Path, quantized: Path, *, picture: Pixels, prompts_PD: Array
) -> dict[str, float]:
    """Decibels of every activation that both graphs name, in the graph's order."""
    feed = {"pixels": picture[None], "prompts": prompts_PD}
    exact, near = (_activations(path, feed) for path in (reference, quantized))
    return {
        name: signal_to_error(exact[name], near[name])
        for name in exact
        if name in near and exact[name].shape == near[name].shape
    }


def _activations(path: Path, feed: dict[str, object]) -> dict[str, Array]:
    model = onnx.load(path)
    kinds = {"Conv", "Clip", "Add", "Concat"}
    served = [value.name for value in model.graph.output]
    names = [
        n.output[0]
        for n in model.graph.node
        if n.op_type in kinds and n.output[0] not in served
    ]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        watched = Path(folder) / "watched.onnx"
        onnx.save(model, watched)
        session = ort.InferenceSession(
            watched, options, providers=["CPUExecutionProvider"]
        )
        values = session.run(names, feed)
    return dict(zip(names, values, strict=True))
