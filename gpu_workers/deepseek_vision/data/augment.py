"""Augmentation as tensor work on the device: views, mosaic, mixup, colour.

A view is a scaled, flipped, shifted look at one packed picture. Four of them make a
mosaic (YOLOv4: Bochkovskiy et al., 2020); two blended pictures a mixup (Zhang et
al., 2018). Letters: B images, M objects (padded, label -1).
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from deepseek_vision.augmentation import Augmentation
from deepseek_vision.data.coco import PackedSet
from deepseek_vision.images import FILL

_MIN_SIDE_PX = 3.0
_MIN_VISIBLE = 0.25


class Batch(NamedTuple):
    """Images B 3 S S in 0..255; boxes B M 4 xyxy pixels; labels B M."""

    images: Tensor
    boxes: Tensor
    labels: Tensor


class Augmenter:
    """Draws batches; the same generator state gives the same batch."""

    def __init__(
        self, packed: PackedSet, recipe: Augmentation, generator: torch.Generator
    ) -> None:
        self.packed = packed
        self.recipe = recipe
        self.generator = generator
        self.device = packed.images.device
        self._host = torch.Generator().manual_seed(generator.initial_seed())
        self._most = _room_for_objects(packed)

    @property
    def host_generator(self) -> torch.Generator:
        return self._host

    def seed(self, seed: int) -> None:
        """Draw from now on what this seed fixes."""
        self.generator.manual_seed(seed)
        self._host.manual_seed(seed)

    def draw(self, rows_B: Tensor, *, side: int) -> Batch:
        """A batch of the pictures `rows_B` (and, for mosaics, of random others)."""
        num_mosaic = round(len(rows_B) * self.recipe.mosaic_share)
        parts = []
        if num_mosaic:
            mosaic = self._mosaic(rows_B[:num_mosaic], side)
            parts.append(self._mixup(mosaic))
        if num_mosaic < len(rows_B):
            parts.append(
                self._view(rows_B[num_mosaic:], (side, side), self.recipe.scale)
            )
        most = max(part.boxes.shape[1] for part in parts)
        images = torch.cat([part.images for part in parts])
        boxes = torch.cat([_pad(part.boxes, most, 0.0) for part in parts])
        labels = torch.cat([_pad(part.labels, most, -1) for part in parts])
        return _compact(Batch(self._recolour(images), boxes, labels), self._most)

    def _uniform(self, *shape: int, low: float, high: float) -> Tensor:
        drawn = torch.rand(*shape, generator=self.generator, device=self.device)
        return drawn * (high - low) + low

    def _view(
        self, rows_B: Tensor, frame: tuple[int, int], scale: tuple[float, float]
    ) -> Batch:
        """Look at pictures through a frame (height, width)."""
        height, width = frame
        count = len(rows_B)
        sizes = self.packed.sizes[rows_B]
        room = torch.tensor([width, height], device=self.device, dtype=torch.float32)
        fit = (room / sizes).amin(dim=1, keepdim=True)
        low, high = (torch.tensor(s).log().item() for s in scale)
        zoom = self._uniform(count, 1, low=low, high=high).exp()
        bend = self._uniform(count, 1, low=-1, high=1) * self.recipe.aspect / 2
        zoom = fit * zoom * torch.cat([bend, -bend], dim=1).exp()
        shift = self._uniform(count, 2, low=0, high=1) * (room - sizes * zoom)
        chances = torch.rand(count, 2, generator=self.generator, device=self.device)
        limits = (self.recipe.flip_share, self.recipe.vertical_flip_share)
        flip = chances < torch.tensor(limits, device=self.device)
        images = _sample(self.packed.images[rows_B], sizes, zoom, shift, flip, frame)
        boxes, labels = self._move(rows_B, sizes, zoom, shift, flip, room)
        return Batch(images, boxes, labels)

    def _move(
        self,
        rows_B: Tensor,
        sizes: Tensor,
        zoom: Tensor,
        shift: Tensor,
        flip: Tensor,
        room: Tensor,
    ) -> tuple[Tensor, Tensor]:
        low, high = self.packed.boxes[rows_B].split(2, dim=-1)
        size, turned = sizes[:, None], flip[:, None]
        low, high = (
            torch.where(turned, size - high, low),
            torch.where(turned, size - low, high),
        )
        low, high = (v * zoom[:, None] + shift[:, None] for v in (low, high))
        before = (high - low)[..., 0] * (high - low)[..., 1]
        low, high = (torch.minimum(v.clamp(min=0), room) for v in (low, high))
        side = high - low
        is_seen = (side.amin(dim=-1) >= _MIN_SIDE_PX) & (
            side[..., 0] * side[..., 1] >= _MIN_VISIBLE * before
        )
        labels = torch.where(is_seen, self.packed.labels[rows_B], -1)
        return torch.cat([low, high], dim=-1), labels

    def _mosaic(self, rows_B: Tensor, side: int) -> Batch:
        # Drawn on the host: reading it back from a GPU would make every step wait.
        split = torch.rand(2, generator=self._host) * 0.4 + 0.3
        x, y = (int(v) for v in (split * side).round().tolist())
        others = torch.randint(
            len(self.packed),
            (3, len(rows_B)),
            generator=self.generator,
            device=self.device,
        )
        scale = (self.recipe.scale[0] * 1.2, self.recipe.scale[1] * 1.2)
        parts, places = [], []
        frames = [(y, x, 0, 0), (y, side - x, x, 0), (side - y, x, 0, y)]
        frames.append((side - y, side - x, x, y))
        for rows, (height, width, left, top) in zip(
            [rows_B, *others], frames, strict=True
        ):
            parts.append(self._view(rows, (height, width), scale))
            place = torch.tensor([left, top, left, top], device=self.device)
            places.append(place.float())
        upper = torch.cat([parts[0].images, parts[1].images], dim=3)
        lower = torch.cat([parts[2].images, parts[3].images], dim=3)
        return Batch(
            torch.cat([upper, lower], dim=2),
            torch.cat([p.boxes + s for p, s in zip(parts, places, strict=True)], dim=1),
            torch.cat([p.labels for p in parts], dim=1),
        )

    def _mixup(self, batch: Batch) -> Batch:
        count = round(len(batch.images) * self.recipe.mixup_share)
        if count == 0:
            return batch
        other = torch.roll(torch.arange(len(batch.images), device=self.device), 1)[
            :count
        ]
        share = self._uniform(count, 1, 1, 1, low=0.4, high=0.6)
        blended = batch.images[:count] * share + batch.images[other] * (1 - share)
        nothing = torch.full_like(batch.labels, -1)
        nothing[:count] = batch.labels[other]
        extra = torch.zeros_like(batch.boxes)
        extra[:count] = batch.boxes[other]
        return Batch(
            torch.cat([blended, batch.images[count:]]),
            torch.cat([batch.boxes, extra], dim=1),
            torch.cat([batch.labels, nothing], dim=1),
        )

    def _recolour(self, images: Tensor) -> Tensor:
        amount = self.recipe.colour
        if amount == 0:
            return images
        count = len(images)
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        contrast = self._uniform(count, 1, 1, 1, low=1 - amount, high=1 + amount)
        gain = self._uniform(count, 1, 1, 1, low=1 - amount, high=1 + amount)
        tint = self._uniform(count, 3, 1, 1, low=1 - amount / 4, high=1 + amount / 4)
        grey = images.mean(dim=1, keepdim=True)
        colourful = self._uniform(count, 1, 1, 1, low=1 - 1.5 * amount, high=1 + amount)
        images = grey + (images - grey) * colourful.clamp(min=0)
        return (((images - mean) * contrast + mean * gain) * tint).clamp(0, 255)


def _sample(
    images: Tensor,
    sizes: Tensor,
    zoom: Tensor,
    shift: Tensor,
    flip: Tensor,
    frame: tuple[int, int],
) -> Tensor:
    """Bilinear look at `images` B 3 S S; outside of them the fill colour."""
    height, width = frame
    columns = torch.arange(width, device=images.device) + 0.5
    rows = torch.arange(height, device=images.device) + 0.5
    side = images.shape[-1]
    x = (columns[None] - shift[:, :1]) / zoom[:, :1]
    y = (rows[None] - shift[:, 1:]) / zoom[:, 1:]
    x = torch.where(flip[:, :1], sizes[:, :1] - x, x) * (2 / side) - 1
    y = torch.where(flip[:, 1:], sizes[:, 1:] - y, y) * (2 / side) - 1
    grid = torch.stack(
        [x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=-1
    )
    return F.grid_sample(images.float() - FILL, grid, align_corners=False) + FILL


def _pad(values: Tensor, most: int, fill: float) -> Tensor:
    missing = most - values.shape[1]
    if missing == 0:
        return values
    padding = [0, 0] * (values.dim() - 2) + [0, missing]
    return F.pad(values, padding, value=fill)


def _room_for_objects(packed: PackedSet) -> int:
    """Places for objects in a batch: those of a very full picture, or of eight usual.

    A fixed number, so that the device is never asked; what is fuller than that, which
    is rare, loses its last objects.
    """
    counts = (packed.labels >= 0).float().sum(dim=1)
    full = counts.quantile(0.99).item()
    return max(
        1, min(packed.labels.shape[1], round(full)), round(8 * counts.mean().item())
    )


def _compact(batch: Batch, most: int) -> Batch:
    """Real objects first, and at most `most` of them."""
    is_real = batch.labels >= 0
    order = torch.argsort(is_real.float(), dim=1, descending=True, stable=True)[
        :, :most
    ]
    boxes = batch.boxes.gather(1, order[..., None].expand(-1, -1, 4))
    return Batch(batch.images, boxes, batch.labels.gather(1, order))
