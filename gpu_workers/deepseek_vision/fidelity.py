"""How near an 8-bit graph answers to the float one, measured where it serves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]

from deepseek_vision.images import Pixels
from deepseek_vision.runtime import Array, RawOutput, Session

_ROUNDED = "_DequantizeLinear_Output"
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
    return float(10 * np.log10((float(exact.var()) + 1e-20) / (error + 1e-20)))


def _box_error(exact: RawOutput, near: RawOutput) -> float:
    cells = exact.logits_BAP[0].max(axis=1).argsort()[-_SUREST:]
    difference = exact.boxes_xyxy_BA4[0, cells] - near.boxes_xyxy_BA4[0, cells]
    return float(np.abs(difference).mean())


def layer_fidelity(
    reference: Path, quantized: Path, *, picture: Pixels, prompts_PD: Array
) -> dict[str, float]:
    """Decibels of every activation that is rounded, in the graph's order.

    What is compared is the value after rounding, which is what the next layer reads.
    """
    feed = {"pixels": picture[None], "prompts": prompts_PD}
    rounded = {
        node.output[0].removesuffix(_ROUNDED): node.output[0]
        for node in onnx.load(quantized).graph.node
        if node.op_type == "DequantizeLinear" and node.output[0].endswith(_ROUNDED)
    }
    made = {name for n in onnx.load(reference).graph.node for name in n.output}
    names = [name for name in rounded if name in made]
    exact = _activations(reference, names, feed)
    near = _activations(quantized, [rounded[name] for name in names], feed)
    return {
        name: signal_to_error(a, b)
        for name, a, b in zip(names, exact, near, strict=True)
    }


def _activations(
    path: Path, names: Sequence[str], feed: dict[str, object]
) -> list[Array]:
    model = onnx.load(path)
    served = {value.name for value in model.graph.output}
    model.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in names if name not in served
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    values: list[Array] = session.run(list(names), feed)
    return values
