"""The model's graph, opened: inner tensors, layers, and pictures as it gets them."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import numpy_helper

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.errors import NotApplicableError
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.hub import PRECISIONS, TORCH_FILE, ModelDirectory, find_model
from deepseek_vision.images import Pixels, letterbox, read_picture

Array = NDArray[Any]
OUTPUTS = ("logits", "distances", "complexity")


def float_file(case: Case) -> Path:
    """The model in 32 bits, as it lies there or as its weights give it.

    Raises:
        NotApplicableError: It has neither.
    """
    return float_graph(find_model(case.spec.model), case.cache / "graphs")


def float_graph(directory: ModelDirectory, folder: Path) -> Path:
    """A model's graph in 32 bits; one made from its weights lies in the folder.

    Raises:
        NotApplicableError: It has neither.
    """
    file = directory.path / PRECISIONS["fp32"]
    if file.is_file():
        return file
    weights = directory.path / TORCH_FILE
    if not weights.is_file():
        raise NotApplicableError(
            _("the model has neither a 32-bit graph nor weights to make one from")
        )
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    made = folder / f"{digest}.onnx"
    if not made.exists():
        # Loads torch, which the other tools do without.
        from deepseek_vision.export import export_onnx  # noqa: PLC0415
        from deepseek_vision.training.run import restore  # noqa: PLC0415

        made.parent.mkdir(parents=True, exist_ok=True)
        partial = made.with_suffix(".part")
        export_onnx(restore(directory.path)[0], partial)
        partial.replace(made)
    return made


class Graph:
    """A graph some of whose inner tensors are read as well.

    Args:
        model: The graph; more outputs are added to it.
        reads: Names of tensors.
        num_threads: Of the runtime.
        changed: Initializers to run with other values.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        *,
        reads: Sequence[str] = (),
        num_threads: int = 1,
        changed: dict[str, Array] | None = None,
    ) -> None:
        have = {one.name for one in model.graph.output}
        added = [name for name in dict.fromkeys(reads) if name not in have]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in added)
        options = ort.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A changed weight must outlive the session.
        self._kept = {
            name: ort.OrtValue.ortvalue_from_numpy(value)
            for name, value in (changed or {}).items()
        }
        for name, value in self._kept.items():
            options.add_initializer(name, value)
        self._session = ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        for one in [o for o in model.graph.output if o.name in set(added)]:
            model.graph.output.remove(one)
        self._names = [*OUTPUTS, *(n for n in dict.fromkeys(reads) if n not in OUTPUTS)]

    def run(self, pixels_BHW3: Pixels, prompts_PD: Array) -> dict[str, Array]:
        values = self._session.run(
            self._names, {"pixels": pixels_BHW3, "prompts": prompts_PD}
        )
        return dict(zip(self._names, values, strict=True))


def prompts_of(case: Case) -> NDArray[np.float32]:
    return find_model(case.spec.model).read_prompts()


def sample(case: Case, num: int, purpose: str) -> list[int]:
    """Indexes of some pictures that have objects, the same in every run."""
    has = np.unique(case.truth.image_N)
    chosen = case.rng(purpose).permutation(has)[:num]
    return sorted(int(one) for one in chosen)


def pixels_of(case: Case, image: int) -> Pixels:
    """A picture as the model gets it: one in a batch."""
    config = find_model(case.spec.model).config
    picture = read_picture(case.truth.images[image].path, wanted_side=config.side_px)
    box = letterbox(picture, side=config.side_px, stride=config.stride)
    return np.ascontiguousarray(box.pixels[None])


def layers_of(model: onnx.ModelProto) -> list[tuple[onnx.NodeProto, Array]]:
    """Each convolution with its weights, in the order of the graph."""
    values = {one.name: one for one in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}
    found = []
    for node in model.graph.node:
        if node.op_type != "Conv":
            continue
        weights = _weights(node.input[1], values, made_by)
        if weights is not None:
            found.append((node, weights))
    return found


def _weights(
    name: str,
    values: dict[str, onnx.TensorProto],
    made_by: dict[str, onnx.NodeProto],
) -> Array | None:
    """The weights behind an input: as they are, or unpacked from 8 bits."""
    if name in values:
        return numpy_helper.to_array(values[name])
    node = made_by.get(name)
    if node is None or node.op_type != "DequantizeLinear":
        return None
    parts = [numpy_helper.to_array(values[one]) for one in node.input if one in values]
    if len(parts) < 2:
        return None
    packed, scale = parts[0].astype(np.float32), parts[1].astype(np.float32)
    zero = parts[2].astype(np.float32) if len(parts) > 2 else np.float32(0)
    shape = (-1, *([1] * (packed.ndim - 1))) if scale.ndim else ()
    return np.asarray((packed - np.reshape(zero, shape)) * np.reshape(scale, shape))


def readable(node: str) -> str:
    """A layer's name without what all of them share."""
    plain = re.sub(r"(/Clip_output_0)?(_nchwc|_token_\d+)*$", "", node)
    return plain.removeprefix("/model/").removesuffix("/Conv").replace("/", ".")
