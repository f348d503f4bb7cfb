"""A foreign ONNX detector as a torch module, so that it can teach on a GPU.

Reads PicoDet (Yu et al., 2021; PaddleDetection) as published: sigmoid scores and
distributions over 8 bins for each side, at strides 8, 16, 32 and 64. Only the
operators such files use are known; any other is refused by name.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.runtime import STRIDES

_LEVELS = (*STRIDES, 64)
_NUM_BINS = 8
_MEAN = (123.675, 116.28, 103.53)
_STD = (58.395, 57.12, 57.375)


def _reshape(x: Tensor, settings: dict[str, Any]) -> Tensor:
    """Sizes were frozen for one picture at one size; only the channels are meant."""
    wanted: list[int] = settings["shape"]
    if x.dim() == 1:
        return x.reshape(wanted)
    if len(wanted) == 5:
        return x.reshape(x.shape[0], wanted[1], -1, *x.shape[2:])
    if len(wanted) == 4:
        return x.reshape(x.shape[0], -1, *x.shape[-2:])
    return x.flatten(2)


def _conv(inputs: Sequence[Tensor], settings: dict[str, Any]) -> Tensor:
    x, weight, *bias = inputs
    pads = settings.get("pads", [0, 0, 0, 0])
    return F.conv2d(
        x,
        weight,
        bias[0] if bias else None,
        stride=settings.get("strides", [1, 1]),
        padding=pads[:2],
        dilation=settings.get("dilations", [1, 1]),
        groups=settings.get("group", 1),
    )


def _split(inputs: Sequence[Tensor], settings: dict[str, Any]) -> tuple[Tensor, ...]:
    return torch.split(inputs[0], settings["split"], dim=settings.get("axis", 0))


def _max_pool(inputs: Sequence[Tensor], settings: dict[str, Any]) -> Tensor:
    return F.max_pool2d(
        inputs[0],
        settings["kernel_shape"],
        settings.get("strides"),
        settings.get("pads", [0, 0])[:2],
    )


def _hard_sigmoid(inputs: Sequence[Tensor], settings: dict[str, Any]) -> Tensor:
    slope, offset = settings.get("alpha", 0.2), settings.get("beta", 0.5)
    return torch.clamp(inputs[0] * slope + offset, 0, 1)


_OPERATORS: dict[str, Callable[[Sequence[Tensor], dict[str, Any]], Any]] = {
    "Conv": _conv,
    "Mul": lambda x, _: x[0] * x[1],
    "Add": lambda x, _: x[0] + x[1],
    "Div": lambda x, _: x[0] / x[1],
    "Clip": lambda x, _: torch.minimum(torch.maximum(x[0], x[1]), x[2]),
    "Concat": lambda x, s: torch.cat(list(x), dim=s["axis"]),
    "Reshape": lambda x, s: _reshape(x[0], s),
    "Transpose": lambda x, s: x[0].permute(s["perm"]),
    "Split": _split,
    "GlobalAveragePool": lambda x, _: x[0].mean(dim=(2, 3), keepdim=True),
    "Relu": lambda x, _: x[0].relu(),
    "HardSigmoid": _hard_sigmoid,
    "Sigmoid": lambda x, _: x[0].sigmoid(),
    "Resize": lambda x, _: F.interpolate(x[0], scale_factor=2.0, mode="nearest"),
    "MaxPool": _max_pool,
    "HardSwish": lambda x, _: F.hardswish(x[0]),
}


def _fuse_hard_swish(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """X clip(x + 3, 0, 6) / 6, exported as four nodes, as the one it is.

    Run one by one these take longer than all convolutions together.
    """
    nodes = [node for node in graph.node if node.op_type != "Constant"]
    maker = {name: node for node in nodes for name in node.output}
    dropped: set[str] = set()
    for node in nodes:
        product = maker.get(node.input[0]) if node.op_type == "Div" else None
        clip = maker.get(product.input[1]) if product else None
        shift = maker.get(clip.input[0]) if clip else None
        if product and clip and shift and clip.op_type == "Clip":
            dropped |= {product.name, clip.name, shift.name}
            source = shift.input[0]
            node.op_type = "HardSwish"
            del node.input[:]
            node.input.append(source)
    return [node for node in nodes if node.name not in dropped]


class PicoDetTeacher(nn.Module):
    """Scores and boxes on the cells of our own three levels.

    `class_of` gives, for each class of ours, its number among the teacher's, or -1.
    """

    mean: Tensor
    std: Tensor
    is_known: Tensor
    class_of: Tensor
    bins: Tensor

    def __init__(self, path: Path, class_of: Sequence[int]) -> None:
        super().__init__()
        graph = onnx.load(path).graph
        unknown = sorted({n.op_type for n in graph.node} - {*_OPERATORS, "Constant"})
        if unknown:
            raise ModelFormatError(f"{path}: operators not known: {', '.join(unknown)}")
        self._nodes = _fuse_hard_swish(graph)
        self._settings = [
            {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}
            for n in self._nodes
        ]
        self._outputs = [value.name for value in graph.output]
        self._input = graph.input[0].name
        self._names: dict[str, str] = {}
        for value in graph.initializer:
            self._keep(value.name, numpy_helper.to_array(value))
        for node in graph.node:
            if node.op_type == "Constant":
                array = numpy_helper.to_array(node.attribute[0].t)
                self._keep(node.output[0], array)
        for node, settings in zip(self._nodes, self._settings, strict=True):
            if node.op_type == "Reshape":
                # Read once here: reading it on a GPU would make every call wait.
                shape = self.get_buffer(self._names[node.input[1]])
                settings["shape"] = shape.tolist()
        # It sees pictures at the size it was trained at, whatever ours is.
        self.side_px = graph.input[0].type.tensor_type.shape.dim[-1].dim_value
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1))
        known = torch.tensor(class_of)
        self.register_buffer("is_known", (known >= 0).float())
        self.register_buffer("class_of", known.clamp(min=0))
        self.register_buffer("bins", torch.arange(_NUM_BINS).float())

    def _keep(self, name: str, array: np.ndarray) -> None:
        own = f"constant_{len(self._names)}"
        self._names[name] = own
        self.register_buffer(own, torch.from_numpy(array.copy()))

    def _run(self, images: Tensor) -> list[Tensor]:
        values = {name: self.get_buffer(own) for name, own in self._names.items()}
        values[self._input] = images
        for node, settings in zip(self._nodes, self._settings, strict=True):
            inputs = [values[name] for name in node.input if name]
            result = _OPERATORS[node.op_type](inputs, settings)
            outputs = result if isinstance(result, tuple) else (result,)
            values.update(zip(node.output, outputs, strict=True))
        return [values[name] for name in self._outputs]

    @torch.no_grad()
    def forward(self, images_B3HW: Tensor) -> tuple[Tensor, Tensor]:
        """Scores B A P and boxes B A 4 in pixels of the given pictures."""
        rows, columns = images_B3HW.shape[-2:]
        side = self.side_px
        resized = F.interpolate(images_B3HW, size=(side, side), mode="bilinear")
        outputs = self._run((resized - self.mean) / self.std)
        scores, boxes = [], []
        for level, stride in enumerate(_LEVELS):
            grid = -(-side // stride)
            score = outputs[level][..., self.class_of] * self.is_known
            sides = outputs[level + len(_LEVELS)].unflatten(-1, (4, _NUM_BINS))
            sides = (sides.softmax(dim=-1) * self.bins).sum(dim=-1) * stride
            at = (torch.arange(grid, device=score.device) + 0.5) * stride
            centre = torch.stack(torch.meshgrid(at, at, indexing="xy"), dim=-1)
            centre = centre.reshape(-1, 2)
            box = torch.cat([centre - sides[..., :2], centre + sides[..., 2:]], dim=-1)
            scale = torch.tensor([columns / side, rows / side] * 2, device=box.device)
            scores.append(_as_map(score, grid))
            boxes.append(_as_map(box * scale, grid))
        return _on_our_cells(scores, boxes, (rows, columns))


def _as_map(values_BAK: Tensor, grid: int) -> Tensor:
    maps: Tensor = values_BAK.transpose(1, 2).unflatten(2, (grid, grid))
    return maps


def _on_our_cells(
    scores: list[Tensor], boxes: list[Tensor], size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Look the teacher's maps up at our cells; stride 64 speaks through stride 32."""
    out_scores, out_boxes = [], []
    for level, stride in enumerate(STRIDES):
        grid = (size[0] // stride, size[1] // stride)
        score = F.interpolate(scores[level], size=grid, mode="nearest")
        box = F.interpolate(boxes[level], size=grid, mode="nearest")
        if stride == STRIDES[-1]:
            wide = F.interpolate(scores[-1], size=grid, mode="nearest")
            wide_box = F.interpolate(boxes[-1], size=grid, mode="nearest")
            is_surer = wide.amax(1, keepdim=True) > score.amax(1, keepdim=True)
            score = torch.where(is_surer, wide, score)
            box = torch.where(is_surer, wide_box, box)
        out_scores.append(score.flatten(2).transpose(1, 2))
        out_boxes.append(box.flatten(2).transpose(1, 2))
    return torch.cat(out_scores, dim=1), torch.cat(out_boxes, dim=1)
