"""What a model sees in a picture, as one vector, whatever the model is.

Its own graph is cut where it knows most: before the last layer of a classifier, at the
map with the most channels of anything else, which is averaged over its places.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx.utils import Extractor

from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.errors import DataError
from deepseek_diagnostics.seeing import config_of, load_runner
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import Picture, letterbox
from deepseek_vision.runtime import session_options

# What is cut out is looked at closely: more pixels would cost more and show no more.
MOST_SIDE_PX = 320
_STRIDE = 32
_SERVED = ("model.int8.onnx", "model.onnx")
_CONVOLUTIONS = frozenset({"Conv", "QLinearConv", "ConvInteger"})
_HEADS = frozenset({"Gemm", "MatMul", "QGemm", "QLinearMatMul", "MatMulInteger"})
Pixels = NDArray[np.uint8]


class Features:
    """A loaded model's view of pictures."""

    def __init__(self, directory: Path, *, num_threads: int = 1) -> None:
        """Cut the graph that serves.

        Raises:
            DataError: It has no graph, or none that could be cut.
        """
        config = config_of(directory)
        self._threads = num_threads
        self._side = min(int(config.get("side_px") or MOST_SIDE_PX), MOST_SIDE_PX)
        # A foreign model is shown what its own configuration says.
        self._reader = (
            load_runner(directory, num_threads=num_threads)
            if "input" in config
            else None
        )
        try:
            model = onnx.shape_inference.infer_shapes(onnx.load(_weights(directory)))
            self._picture = _picture_input(model)
            self._load(model, is_classifier=_is_classifier(config))
        except (ValueError, RuntimeError, ort.capi.onnxruntime_pybind11_state.Fail):
            raise DataError(
                _("its graph cannot be cut where its features are")
            ) from None

    def see(self, pixels_HW3: Pixels) -> Floats:
        """One vector; of a map, its mean over places."""
        return _as_vector(self._run(self._session, [self._tap], pixels_HW3)[0])

    def _load(self, model: onnx.ModelProto, *, is_classifier: bool) -> None:
        known = _downstream(model, self._picture)
        tapped = _before_the_head(model, known) if is_classifier else ""
        self._tap = tapped or self._widest(model, known)
        self._session = self._session_of(model, [self._tap])

    def _widest(self, model: onnx.ModelProto, known: set[str]) -> str:
        """The map with the most channels, of these the last with the fewest places."""
        names = [
            node.input[0]
            for node in model.graph.node
            if node.op_type in _CONVOLUTIONS
            and node.input[0] in known
            and node.input[0] != self._picture
        ]
        names = list(dict.fromkeys(names))
        if not names:
            raise ValueError("no convolution sees the picture")
        example = np.full((self._side, self._side, 3), 114, np.uint8)
        maps = self._run(self._session_of(model, names), names, example)
        sized = [
            (one.shape[1], -one.shape[2] * one.shape[3], number)
            for number, one in enumerate(maps)
            if one.ndim == 4 and min(one.shape[2:]) > 1
        ]
        if not sized:
            raise ValueError("no map of features")
        return str(names[max(sized)[2]])

    def _session_of(
        self, model: onnx.ModelProto, names: Iterable[str]
    ) -> ort.InferenceSession:
        wanted = list(names)
        described = {one.name for one in model.graph.value_info}
        model.graph.value_info.extend(
            onnx.ValueInfoProto(name=name) for name in wanted if name not in described
        )
        cut = Extractor(model).extract_model([self._picture], wanted)
        return ort.InferenceSession(
            cut.SerializeToString(),
            session_options(self._threads),
            providers=["CPUExecutionProvider"],
        )

    def _run(
        self, session: ort.InferenceSession, names: list[str], pixels_HW3: Pixels
    ) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = session.run(
            names, {self._picture: self._prepared(pixels_HW3)}
        )
        return found

    def _prepared(self, pixels_HW3: Pixels) -> NDArray[Any]:
        if self._reader is not None:
            tensor: NDArray[Any] = self._reader.read(pixels_HW3).tensor
            return tensor[None]
        height, width = pixels_HW3.shape[:2]
        picture = Picture(pixels=pixels_HW3, width=width, height=height)
        return letterbox(picture, side=self._side, stride=_STRIDE).pixels[None]


def _weights(directory: Path) -> Path:
    """What serves: the first of the known names, or the only graph."""
    named = [directory / name for name in _SERVED if (directory / name).is_file()]
    found = named or sorted(directory.glob("*.onnx"))
    if not found:
        raise DataError(_("it has no ONNX file, which is what runs"))
    return found[0]


def _picture_input(model: onnx.ModelProto) -> str:
    constants = {one.name for one in model.graph.initializer}
    for one in model.graph.input:
        is_picture = len(one.type.tensor_type.shape.dim) == 4
        if is_picture and one.name not in constants:
            return str(one.name)
    raise ValueError("no input takes a picture")


def _is_classifier(config: dict[str, Any]) -> bool:
    decode = config.get("decode")
    return isinstance(decode, dict) and decode.get("kind") == "classes"


def _downstream(model: onnx.ModelProto, picture: str) -> set[str]:
    """The tensors that depend on the picture and on no other input."""
    constants = {one.name for one in model.graph.initializer}
    others = {one.name for one in model.graph.input} - constants - {picture}
    return _reached(model, {picture}) - _reached(model, others)


def _reached(model: onnx.ModelProto, names: set[str]) -> set[str]:
    """Those and all that is made from them; nodes may stand in any order."""
    used_by: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            used_by.setdefault(name, []).append(node)
    found, waiting = set(names), list(names)
    while waiting:
        for node in used_by.get(waiting.pop(), ()):
            new = set(node.output) - found
            found |= new
            waiting += new
    return found


def _before_the_head(model: onnx.ModelProto, known: set[str]) -> str:
    """What the layer that makes the first output is given; "" where none does."""
    made_by = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name
    while (node := made_by.get(name)) is not None:
        inside = [one for one in node.input if one in known]
        if not inside:
            return ""
        name = inside[0]
        if node.op_type in _HEADS:
            return str(name)
    return ""


def _as_vector(found: NDArray[Any]) -> Floats:
    """The mean over places of a map C H W, or over tokens T C; else it is flat."""
    value = found[0].astype(np.float64)
    if value.ndim == 3:
        return np.asarray(value.mean(axis=(1, 2)))
    if value.ndim == 2:
        return np.asarray(value.mean(axis=0))
    return np.asarray(value.reshape(-1))
