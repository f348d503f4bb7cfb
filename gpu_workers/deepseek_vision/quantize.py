"""8-bit weights and activations after training, made for CPUs without VNNI.

On AVX2 the usual 8-bit product of unsigned activations and signed weights adds pairs
in 16 bits and saturates without a word. Weights of 7 bits cannot: they cost nothing
in time. Text, attention and the last layer of each head stay in float, where 8 bits
save next to nothing, and so do the stem and the first three stages, where they do most
of their damage (decision 021).
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
    quant_pre_process,
)

from deepseek_vision.images import Pixels

_FLOAT_PARTS = (
    *("/text", "/many/", "/one/", "/tokens/", "/text_map/"),
    *("/stem/", "/stages.0/", "/stages.1/", "/stages.2/"),
)


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # -- the base is untyped
    def __init__(
        self, pictures: Iterable[Pixels], prompts_PD: NDArray[np.float32]
    ) -> None:
        self._feed: Iterator[dict[str, object]] = (
            {"pixels": pixels[None], "prompts": prompts_PD} for pixels in pictures
        )

    def get_next(self) -> dict[str, object] | None:
        return next(self._feed, None)


def float_nodes(path: Path) -> list[str]:
    """Nodes that stay in float, by the part of the model they belong to."""
    graph = onnx.load(path).graph
    return [n.name for n in graph.node if any(part in n.name for part in _FLOAT_PARTS)]


def quantize_onnx(
    source: Path,
    target: Path,
    *,
    pictures: Iterable[Pixels],
    prompts_PD: NDArray[np.float32],
    extra_float: Iterable[str] = (),
) -> None:
    """Write an explicit QDQ graph calibrated on letterboxed `pictures` (H W 3).

    Nodes named in `extra_float` stay in float besides the usual ones: those that
    measured too sensitive.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            target,
            _Samples(pictures, prompts_PD),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Concat", "Resize", "Slice"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[*float_nodes(prepared), *extra_float],
            calibrate_method=CalibrationMethod.MinMax,
        )
