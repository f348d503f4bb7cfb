"""8-bit weights and activations, made for CPUs without VNNI.

On AVX2 the usual 8-bit product of unsigned activations and signed weights adds pairs
in 16 bits and saturates without a word. Weights of 7 bits cannot: they cost nothing
in time. An activation is quantised after its ReLU6, never before: the range before it
is several times wider, and the extra pair of conversions costs what 8 bits save
(decision 120). Text, attention and the last layer of each head stay in float; which
other layers do is measured.
"""

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    create_calibrator,
)
from onnxruntime.quantization.calibrate import (  # type: ignore[import-untyped]
    TensorData,
    TensorsData,
)
from onnxruntime.quantization.qdq_quantizer import (  # type: ignore[import-untyped]
    QDQQuantizer,
)
from onnxruntime.quantization.quant_utils import (  # type: ignore[import-untyped]
    load_model_with_shape_infer,
)
from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped]
    quant_pre_process,
)

from deepseek_vision.fidelity import fidelity
from deepseek_vision.images import Pixels
from deepseek_vision.runtime import Session

OPERATORS = ("Conv", "Add", "Concat", "Resize", "Slice", "Clip")
# The last joins among them: one scale over the boxes of all strides is a pixel wide.
ALWAYS_FLOAT = ("/text", "/many/", "/one/", "/tokens/", "/text_map/", "/model/Concat")
# Left in float besides, where nothing was measured for the model: see `choose_float`.
EARLY = ("/stem/", "/stages.0/")
GROUPS = (
    *("/stem/", "/stages.0/", "/stages.1/", "/stages.2/", "/stages.3/"),
    *("/stages.4/", "/stages.5/", "/lateral.", "/reach.", "/down.", "/up."),
    *("/for_class/", "/for_box/"),
)
Ranges = Mapping[str, tuple[float, float]]
PLAN_FILE = "quantization.json"


class _Samples(CalibrationDataReader):  # type: ignore[misc]  # -- the base is untyped
    def __init__(
        self, pictures: Iterable[Pixels], prompts_PD: NDArray[np.float32]
    ) -> None:
        self._feed: Iterator[dict[str, object]] = (
            {"pixels": pixels[None], "prompts": prompts_PD} for pixels in pictures
        )

    def get_next(self) -> dict[str, object] | None:
        return next(self._feed, None)


class Calibrated:
    """A float graph and the ranges its tensors take; writes 8-bit graphs of it.

    `ranges` replace measured ones: those that quantisation-aware training learned.
    """

    def __init__(
        self,
        source: Path,
        folder: Path,
        *,
        pictures: Iterable[Pixels],
        prompts_PD: NDArray[np.float32],
        ranges: Ranges | None = None,
    ) -> None:
        self._graph = folder / "prepared.onnx"
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
        quant_pre_process(source, self._graph, skip_symbolic_shape=True)
        calibrator = create_calibrator(
            self._graph,
            list(OPERATORS),
            augmented_model_path=str(folder / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
        )
        calibrator.collect_data(_Samples(pictures, prompts_PD))
        found = calibrator.compute_data()
        seen = {name: found[name] for name in found.keys()}  # noqa: SIM118 -- not a dict
        for name, (low, high) in (ranges or {}).items():
            if name in seen:
                seen[name] = TensorData(
                    lowest=np.float32(low), highest=np.float32(high)
                )
        self._ranges = TensorsData(CalibrationMethod.MinMax, seen)

    def write(self, target: Path, *, float_parts: Iterable[str] = ()) -> None:
        """Write an explicit QDQ graph; nodes of `float_parts` stay in float."""
        parts = (*ALWAYS_FLOAT, *float_parts)
        model = load_model_with_shape_infer(self._graph)
        nodes = [n.name for n in model.graph.node if any(p in n.name for p in parts)]
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=self._ranges,
            nodes_to_quantize=[],
            nodes_to_exclude=nodes,
            op_types_to_quantize=list(OPERATORS),
            extra_options={},
        )
        quantizer.quantize_model()
        onnx.save(quantizer.model.model, target)


def quantize_onnx(
    source: Path,
    target: Path,
    *,
    pictures: Iterable[Pixels],
    prompts_PD: NDArray[np.float32],
    float_parts: Iterable[str] = EARLY,
    ranges: Ranges | None = None,
) -> None:
    """Write an 8-bit graph calibrated on letterboxed `pictures` (H W 3)."""
    with tempfile.TemporaryDirectory() as folder:
        Calibrated(
            source,
            Path(folder),
            pictures=pictures,
            prompts_PD=prompts_PD,
            ranges=ranges,
        ).write(target, float_parts=float_parts)


def choose_float(
    source: Path,
    *,
    pictures: Sequence[Pixels],
    prompts_PD: NDArray[np.float32],
    wanted_db: float = 20.0,
    groups: Sequence[str] = GROUPS,
) -> tuple[list[str], dict[str, float]]:
    """Mixed precision by measurement: which groups of layers stay in float.

    Each group is put back into float alone; those that win most decibels are kept
    there, one after another, until the whole answers as near as wanted or no group
    wins half a decibel more. Half of the pictures calibrate, the others judge.

    Returns:
        The groups to leave in float, and the decibels each wins alone.
    """
    calibration, judges = pictures[::2], pictures[1::2] or pictures
    reference = Session(source)
    with tempfile.TemporaryDirectory() as folder:
        calibrated = Calibrated(
            source, Path(folder), pictures=calibration, prompts_PD=prompts_PD
        )
        target = Path(folder) / "int8.onnx"

        def measured(parts: Sequence[str]) -> float:
            calibrated.write(target, float_parts=parts)
            return fidelity(
                reference, Session(target), pictures=judges, prompts_PD=prompts_PD
            ).logits_db

        best = measured(())
        gains = {group: measured((group,)) - best for group in groups}
        chosen: list[str] = []
        for group in sorted(gains, key=lambda name: -gains[name]):
            if best >= wanted_db or gains[group] < 0.5:
                break
            with_group = measured((*chosen, group))
            if with_group - best >= 0.5:
                chosen.append(group)
                best = with_group
    return chosen, gains


def write_plan(folder: Path, *, float_parts: Sequence[str], ranges: Ranges) -> None:
    """Keep with a model how its 8-bit form is made, so that an export repeats it."""
    plan = {"float_parts": list(float_parts), "ranges": dict(ranges)}
    (folder / PLAN_FILE).write_text(json.dumps(plan) + "\n", encoding="utf-8")


def read_plan(folder: Path) -> tuple[tuple[str, ...], Ranges]:
    """What `write_plan` kept, or how a model without one is quantised."""
    path = folder / PLAN_FILE
    if not path.is_file():
        return EARLY, {}
    plan = json.loads(path.read_text(encoding="utf-8"))
    ranges = {name: (low, high) for name, (low, high) in plan["ranges"].items()}
    return tuple(plan["float_parts"]), ranges
