"""Any ONNX export of the Segment Anything family, as its folder's config names it.

Exports differ in the names of their tensors, in who normalises and in which parts of
the image features the decoder takes, so `config.json` says all of it::

    {"format": "dsportal-click", "kind": "sam", "name": "mobile-sam", "side_px": 1024,
     "encoder": {"file": "encoder.onnx", "input": "input_image", "layout": "nhwc",
                 "mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
     "decoder": {"file": "decoder.onnx", "masks": "low_res_masks",
                 "features": {"image_embeddings": "image_embeddings"}}}

`features` maps each input of the decoder to an output of the encoder. The other inputs
have the names of the original export unless `decoder.inputs` gives theirs.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.images import Pixels
from deepseek_vision.segmentation.click.graphs import Embedded
from deepseek_vision.segmentation.click.prompts import Array, Marks
from deepseek_vision.segmentation.graphs import need_inputs, open_graph

_TOP_LEFT, _BOTTOM_RIGHT, _PADDING = 2, 3, -1  # point labels of the family
_ROLES = {
    "points": "point_coords",
    "labels": "point_labels",
    "mask": "mask_input",
    "has_mask": "has_mask_input",
    "size": "orig_im_size",
}
_MASK_CELLS = 256  # of the mask that goes in and comes out


@dataclass(frozen=True, slots=True, kw_only=True)
class SamEncoder:
    """How the picture goes in. `mean` and `std` are for values from 0 to 255."""

    file: str
    input: str
    layout: str = "nchw"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    has_batch: bool = True

    def __post_init__(self) -> None:
        if self.layout not in {"nchw", "nhwc"}:
            raise ValueError(f"encoder.layout is nchw or nhwc, got {self.layout!r}")
        if len(self.mean) != 3 or len(self.std) != 3 or 0 in self.std:
            raise ValueError("encoder.mean and encoder.std have 3 numbers each")


@dataclass(frozen=True, slots=True, kw_only=True)
class SamDecoder:
    """`masks` is the output with the logits, `scores` the one that ranks them."""

    file: str
    features: dict[str, str]
    masks: str = "low_res_masks"
    scores: str = "iou_predictions"
    inputs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.inputs) - set(_ROLES)):
            raise ValueError(
                f"decoder.inputs has no {', '.join(unknown)}; there are: "
                f"{', '.join(_ROLES)}"
            )


class SamGraphs:
    cell_px = 4

    def __init__(
        self, folder: Path, config: dict[str, Any], *, num_threads: int = 1
    ) -> None:
        where = folder / "config.json"
        try:
            self.side_px = int(config.get("side_px", 1024))
            self._seen = SamEncoder(**config["encoder"])
            self._asked = SamDecoder(**config["decoder"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFormatError(f"{where}: does not fit ({error})") from None
        self.cell_px = max(1, self.side_px // _MASK_CELLS)
        encoder, decoder = folder / self._seen.file, folder / self._asked.file
        self._encoder = open_graph(encoder, num_threads=num_threads)
        self._decoder = open_graph(decoder, num_threads=num_threads)
        need_inputs(self._encoder, encoder, names={self._seen.input})
        self._names = {**_ROLES, **self._asked.inputs}
        taken = {value.name for value in self._decoder.get_inputs()}
        # Exports differ in whether the answer is scaled inside; the size is optional.
        roles = [r for r in _ROLES if r != "size" or self._names["size"] in taken]
        names = {self._names[role] for role in roles} | set(self._asked.features)
        need_inputs(self._decoder, decoder, names=names)
        self._need_outputs(where)

    def encode(self, pixels_HW3: Pixels) -> Embedded:
        height, width = pixels_HW3.shape[:2]
        values = (pixels_HW3.astype(np.float32) - self._seen.mean) / self._seen.std
        canvas = np.zeros((self.side_px, self.side_px, 3), np.float32)
        canvas[:height, :width] = values
        if self._seen.layout == "nchw":
            canvas = np.ascontiguousarray(canvas.transpose(2, 0, 1))
        feed = canvas[None] if self._seen.has_batch else canvas
        wanted = sorted(set(self._asked.features.values()))
        outputs = self._encoder.run(wanted, {self._seen.input: feed})
        tensors = dict(zip(wanted, outputs, strict=True))
        return Embedded(tensors=tensors, width=width, height=height)

    def decode(self, embedded: Embedded, marks: Marks) -> Array:
        points, labels = _points(marks)
        mask = np.zeros((1, 1, _MASK_CELLS, _MASK_CELLS), np.float32)
        if marks.previous_HW is not None:
            height, width = marks.previous_HW.shape
            mask[0, 0, :height, :width] = marks.previous_HW
        has_mask = np.array([marks.previous_HW is not None], np.float32)
        size = np.array([self.side_px, self.side_px], np.float32)
        feed: dict[str, NDArray[Any]] = {
            self._names["points"]: points[None],
            self._names["labels"]: labels[None],
            self._names["mask"]: mask,
            self._names["has_mask"]: has_mask,
        }
        if any(v.name == self._names["size"] for v in self._decoder.get_inputs()):
            feed[self._names["size"]] = size
        for name, output in self._asked.features.items():
            feed[name] = embedded.tensors[output]
        wanted = [self._asked.masks, self._asked.scores]
        masks, scores = self._decoder.run(wanted, feed)
        best = int(np.argmax(scores.reshape(-1)))
        logits = masks.reshape(-1, *masks.shape[-2:])[best]
        cell = self.cell_px
        rows, columns = -(-embedded.height // cell), -(-embedded.width // cell)
        if logits.shape != (_MASK_CELLS, _MASK_CELLS):
            raise ModelFormatError(
                f"{self._asked.masks} is {logits.shape[0]} x {logits.shape[1]}; name "
                f"the output with {_MASK_CELLS} x {_MASK_CELLS} logits"
            )
        cut: Array = logits[:rows, :columns]
        return cut

    def _need_outputs(self, where: Path) -> None:
        for session, names in (
            (self._encoder, set(self._asked.features.values())),
            (self._decoder, {self._asked.masks, self._asked.scores}),
        ):
            has = {value.name for value in session.get_outputs()}
            if missing := sorted(names - has):
                raise ModelFormatError(
                    f"{where}: no output named {', '.join(missing)}; there are: "
                    f"{', '.join(sorted(has))}"
                )


def _points(marks: Marks) -> tuple[Array, Array]:
    points = [tuple(at) for at in marks.points_N2]
    labels = [1.0 if is_positive else 0.0 for is_positive in marks.is_positive_N]
    if marks.box is None:
        points.append((0.0, 0.0))
        labels.append(_PADDING)
    else:
        points += [marks.box[:2], marks.box[2:]]
        labels += [_TOP_LEFT, _BOTTOM_RIGHT]
    return np.array(points, np.float32), np.array(labels, np.float32)
