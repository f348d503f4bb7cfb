# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""The detector with a mask branch: each cell also gives a small network of its own.

The network (CondInst: Tian et al., 2020) says of any place in the box whether it is the
object, from features at stride 4 and where the place lies in the box. It is asked on a
grid over the box, as Mask R-CNN does, so that an object costs the same at every size.

Letters: B pictures, A cells, K objects, M features, Q numbers of a cell's network, R
rows or columns of the grid.
"""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from deepseek_vision.errors import ModelFormatError
from deepseek_vision.model.detector import SIZES, Detector, build_detector
from deepseek_vision.model.layers import ConvNorm, up_twice
from deepseek_vision.segmentation.instances.grid import GRID, GROWN, STRIDE

_DETAIL_STAGE = 1  # of the backbone: stride 4
_TAPS = (2, 4, 5)
_NUM_LEVELS = 3


class InstanceAnswers(NamedTuple):
    """What a detector says of each cell, and what masks are made of."""

    logits_BAP: Tensor
    distances_BA4: Tensor
    kernels_BAQ: Tensor
    features_BMHW: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSize:
    """Channels of the mask branch; `num_hidden` are of each cell's own network."""

    num_features: int = 8
    num_hidden: int = 8
    num_coarse: int = 64
    num_fine: int = 24

    @property
    def num_numbers(self) -> int:
        """Weights and biases of a cell's network: features and x, y to one answer."""
        return (self.num_features + 2 + 1) * self.num_hidden + self.num_hidden + 1

    def as_options(self) -> dict[str, int]:
        return asdict(self)


class InstanceSegmenter(nn.Module):
    """Takes `images_B3HW`, 0 to 255, sides a multiple of 32, and prompts."""

    def __init__(self, detector: Detector, width: int, size: MaskSize) -> None:
        super().__init__()
        self.detector, self.size = detector, size
        num_detail = _channels_of(detector.backbone.stages[_DETAIL_STAGE])
        self.coarse = nn.Sequential(
            ConvNorm(2 * width, size.num_coarse),
            ConvNorm(size.num_coarse, size.num_coarse, kernel=3),
        )
        self.lift = ConvNorm(size.num_coarse, size.num_fine, is_active=False)
        self.detail = ConvNorm(num_detail, size.num_fine, is_active=False)
        self.blend = ConvNorm(size.num_fine, size.num_fine, kernel=3)
        self.features = nn.Conv2d(size.num_fine, size.num_features, 1)
        self.kernels = nn.ModuleList(
            nn.Sequential(
                ConvNorm(width, width, kernel=3),
                nn.Conv2d(width, size.num_numbers, 1),
            )
            for _ in range(_NUM_LEVELS)
        )

    def forward(self, images_B3HW: Tensor, prompts_PD: Tensor) -> InstanceAnswers:
        detector = self.detector
        x = detector.backbone.stem((images_B3HW - 127) / 128)
        taps = []
        for index, stage in enumerate(detector.backbone.stages):
            x = stage(x)
            if index == _DETAIL_STAGE or index in _TAPS:
                taps.append(x)
        detail, c3, c4, c5 = taps
        pyramid, _ = detector.encoder((c3, c4, c5))
        text = detector.text(prompts_PD)
        levels = [h(p, text)[0] for h, p in zip(detector.heads, pyramid, strict=True)]
        kernels = [
            layer(p).flatten(2).transpose(1, 2)
            for layer, p in zip(self.kernels, pyramid, strict=True)
        ]
        coarse = self.coarse(torch.cat([pyramid[0], up_twice(pyramid[1])], dim=1))
        fine = self.blend(self.detail(detail) + up_twice(self.lift(coarse)))
        return InstanceAnswers(
            logits_BAP=torch.cat([logits for logits, _ in levels], dim=1),
            distances_BA4=torch.cat([sides for _, sides in levels], dim=1),
            kernels_BAQ=torch.cat(kernels, dim=1),
            features_BMHW=self.features(fine),
        )


def _channels_of(stage: nn.Module) -> int:
    convolutions = [m for m in stage.modules() if isinstance(m, nn.Conv2d)]
    return convolutions[-1].out_channels


def mask_logits(
    features_BMHW: Tensor, kernels_BKQ: Tensor, boxes_BK4: Tensor, size: MaskSize
) -> Tensor:
    """The masks of K objects a picture on their grids, B K R R.

    As `grid.mask_logits` in numpy, which serves.
    """
    at = sample(features_BMHW, boxes_BK4)
    count, most = kernels_BKQ.shape[:2]
    axis = (torch.arange(GRID, device=at.device) + 0.5) / GRID * 2 - 1
    rows, columns = torch.meshgrid(axis, axis, indexing="ij")
    places = torch.stack([columns, rows]).expand(count, most, 2, GRID, GRID)
    x = torch.cat([at, places], dim=2).flatten(3)
    hidden, num_in = size.num_hidden, size.num_features + 2
    first, bias, last, rest = kernels_BKQ.split(
        [num_in * hidden, hidden, hidden, 1], dim=2
    )
    x = first.reshape(count, most, hidden, num_in) @ x + bias[..., None]
    out: Tensor = last[:, :, None] @ x.relu() + rest[..., None]
    return out.reshape(count, most, GRID, GRID)


def sample(
    maps_BMHW: Tensor,
    boxes_BK4: Tensor,
    *,
    stride: int = STRIDE,
    mode: str = "bilinear",
) -> Tensor:
    """The maps at the grid of each box, B K M R R; boxes xyxy in pixels."""
    count, most = boxes_BK4.shape[:2]
    height, width = maps_BMHW.shape[-2:]
    middle = (boxes_BK4[..., :2] + boxes_BK4[..., 2:]) / 2
    half = (boxes_BK4[..., 2:] - boxes_BK4[..., :2]) / 2 * GROWN
    axis = (torch.arange(GRID, device=boxes_BK4.device) + 0.5) / GRID * 2 - 1
    extent = torch.tensor([width, height], device=boxes_BK4.device) * stride
    ends = [
        (middle[..., n, None] + half[..., n, None] * axis) / extent[n] * 2 - 1
        for n in (0, 1)
    ]
    columns = ends[0][:, :, None, :].expand(count, most, GRID, GRID)
    rows = ends[1][:, :, :, None].expand(count, most, GRID, GRID)
    places = torch.stack([columns, rows], dim=-1).reshape(count, most * GRID, GRID, 2)
    out = F.grid_sample(
        maps_BMHW, places, mode=mode, padding_mode="border", align_corners=False
    )
    return out.reshape(count, -1, most, GRID, GRID).transpose(1, 2)


def build_instance_segmenter(
    size: str, options: dict[str, Any] | None = None
) -> InstanceSegmenter:
    """Build one on the detector of a named size.

    `options` replace fields of the mask branch.

    Raises:
        ModelFormatError: for a size or option that does not exist.
    """
    detector = build_detector(size)
    try:
        masks = MaskSize(**(options or {}))
    except TypeError as error:
        raise ModelFormatError(f"options of the masks do not fit ({error})") from None
    return InstanceSegmenter(detector, SIZES[size].width, masks)
