"""The networks as ONNX graphs: this package's own kind. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.images import FILL, Pixels
from deepseek_vision.segmentation.click.prompts import Array, Marks, draw_marks
from deepseek_vision.segmentation.graphs import need_inputs, open_graph

Tensors = Mapping[str, NDArray[Any]]
_STRIDE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """An encoded window: the encoder's outputs, and the pixels that are no padding."""

    tensors: Tensors
    width: int
    height: int


class Graphs(Protocol):
    """A pair of networks. `cell_px` is one cell of the answer in encoded pixels."""

    side_px: int
    cell_px: int

    def encode(self, pixels_HW3: Pixels) -> Embedded:
        """Encode a window whose longer side is `side_px`."""

    def decode(self, embedded: Embedded, marks: Marks) -> Array:
        """Logits, rows and columns of cells over the window without padding."""


class OwnGraphs:
    """`encoder.onnx` and `decoder.onnx` as `export` writes them."""

    cell_px = 4

    def __init__(self, folder: Path, *, side_px: int, num_threads: int = 1) -> None:
        self.side_px = side_px
        encoder, decoder = folder / "encoder.onnx", folder / "decoder.onnx"
        self._encoder = open_graph(encoder, num_threads=num_threads)
        self._decoder = open_graph(decoder, num_threads=num_threads)
        need_inputs(self._encoder, encoder, names={"pixels"})
        need_inputs(self._decoder, decoder, names={"coarse", "fine", "prompts"})

    def encode(self, pixels_HW3: Pixels) -> Embedded:
        height, width = pixels_HW3.shape[:2]
        rows, columns = (-(-n // _STRIDE) * _STRIDE for n in (height, width))
        canvas = np.full((1, rows, columns, 3), FILL, np.uint8)
        canvas[0, :height, :width] = pixels_HW3
        coarse, fine = self._encoder.run(["coarse", "fine"], {"pixels": canvas})
        return Embedded(
            tensors={"coarse": coarse, "fine": fine}, width=width, height=height
        )

    def decode(self, embedded: Embedded, marks: Marks) -> Array:
        rows, columns = embedded.tensors["fine"].shape[2:]
        prompts = draw_marks(marks, size=(rows, columns), cell_px=self.cell_px)
        feed = {**embedded.tensors, "prompts": prompts}
        logits: Array = self._decoder.run(["logits"], feed)[0][0, 0]
        return logits[: -(-embedded.height // 4), : -(-embedded.width // 4)]
