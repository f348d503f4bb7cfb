# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Defects as masks in [0, 1] with what they do to the light under them.

A defect is drawn four times finer than the picture and scaled down, so its edge is
soft; the box of a defect is that of the mask after scaling.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from deepseek_vision.synthetic.surfaces import Array, Size, smooth_noise

_FINE = 3
VISIBLE = 0.25  # a pixel belongs to a defect from this share on


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """A patch: where `mask_HW` is 1 the surface becomes `light_HW3`."""

    label: str
    mask_HW: Array
    light_HW3: Array


Brush = Callable[[np.random.Generator, Array], Defect]


def _mask(draw_on: Callable[[ImageDraw.ImageDraw], None], size: Size) -> Array:
    image = Image.new("L", (size[1] * _FINE, size[0] * _FINE))
    draw_on(ImageDraw.Draw(image))
    small = image.resize(size[::-1], Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


def _blur(mask: Array, radius_px: float) -> Array:
    image = Image.fromarray((mask * 255).astype(np.uint8))
    soft = image.filter(ImageFilter.GaussianBlur(radius_px))
    return np.asarray(soft, dtype=np.float32) / np.float32(255)


def _against(rng: np.random.Generator, under: Array, amount: float) -> Array:
    """`under`, lighter or darker by `amount`: towards where there is room."""
    level = float(under.mean())
    upwards = rng.random() < 0.5 if 0.35 < level < 0.6 else level <= 0.35
    return under + amount if upwards else under * max(0.0, 1 - amount * 2)


def _wander(
    rng: np.random.Generator, size: Size, bends: int
) -> list[tuple[float, float]]:
    """A polyline from one side of the patch to the other, in fine pixels."""
    steps = np.linspace(0.08, 0.92, bends + 2)
    drift = np.clip(np.cumsum(rng.normal(0, 0.35 / (bends + 1), bends + 2)), -0.4, 0.4)
    slope = rng.uniform(-0.35, 0.35) * np.linspace(-1, 1, bends + 2)
    across = np.clip(0.5 + drift + slope, 0.06, 0.94)
    height, width = size[0] * _FINE, size[1] * _FINE
    return [
        (float(s * width), float(a * height))
        for s, a in zip(steps, across, strict=True)
    ]


def scratch(rng: np.random.Generator, under: Array) -> Defect:
    size = under.shape[0], under.shape[1]
    path = _wander(rng, size, int(rng.integers(1, 4)))
    thick = float(rng.uniform(1.4, 3.2))
    mask = _mask(lambda d: d.line(path, 255, round(thick * _FINE), "curve"), size)
    light = _against(rng, under, float(rng.uniform(0.28, 0.45)))
    return Defect(label="scratch", mask_HW=mask, light_HW3=light)


def crack(rng: np.random.Generator, under: Array) -> Defect:
    """A dark jagged line with branches."""
    size = under.shape[0], under.shape[1]
    trunk = _wander(rng, size, 9)
    jag = rng.normal(0, 3.5 * _FINE, (len(trunk), 2))
    trunk = [(x + dx, y + dy) for (x, y), (dx, dy) in zip(trunk, jag, strict=True)]

    def draw_on(draw: ImageDraw.ImageDraw) -> None:
        draw.line(trunk, 255, 2 * _FINE)
        for x, y in trunk[2:-2:2]:
            reach = rng.uniform(-0.3, 0.3, 2) * min(size) * _FINE
            draw.line([(x, y), (x + reach[0], y + reach[1])], 255, _FINE)

    return Defect(label="crack", mask_HW=_mask(draw_on, size), light_HW3=under * 0.12)


def dent(rng: np.random.Generator, under: Array) -> Defect:
    """A hollow: lit on one side, in shade on the other."""
    size = under.shape[0], under.shape[1]
    rows = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    radius = np.sqrt(rows**2 + columns**2)
    mask = np.clip((0.95 - radius) / 0.25, 0, 1).astype(np.float32)
    turn = rng.uniform(0, 2 * np.pi)
    relief = (rows * np.sin(turn) + columns * np.cos(turn)) * rng.uniform(0.4, 0.6)
    relief = relief * np.clip(radius * 1.3, 0.25, 1)
    return Defect(
        label="dent", mask_HW=mask, light_HW3=np.clip(under + relief[..., None], 0, 1)
    )


def stain(rng: np.random.Generator, under: Array) -> Defect:
    """A translucent blot with a ragged rim."""
    size = under.shape[0], under.shape[1]
    rows = np.linspace(-1, 1, size[0], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, size[1], dtype=np.float32)[None]
    ragged = np.sqrt(rows**2 + columns**2) + 0.22 * smooth_noise(rng, size, (5, 5))
    mask = np.clip((0.78 - ragged) / 0.12, 0, 1).astype(np.float32)
    tints = np.array(
        [[0.45, 0.3, 0.12], [0.2, 0.2, 0.22], [0.55, 0.25, 0.1]], np.float32
    )
    tint = tints[int(rng.integers(len(tints)))]
    depth = float(rng.uniform(0.5, 0.8))
    return Defect(
        label="stain", mask_HW=mask * depth, light_HW3=under * 0.35 + tint * 0.4
    )


def pit(rng: np.random.Generator, under: Array) -> Defect:
    """A cluster of small dark holes."""
    size = under.shape[0], under.shape[1]
    num_holes = int(rng.integers(3, 8))
    centres = rng.uniform(0.15, 0.85, (num_holes, 2)) * np.array(size[::-1]) * _FINE
    radii = rng.uniform(0.05, 0.12, num_holes) * min(size) * _FINE + _FINE

    def draw_on(draw: ImageDraw.ImageDraw) -> None:
        for (x, y), r in zip(centres, radii, strict=True):
            draw.ellipse((x - r, y - r, x + r, y + r), 255)

    mask = _blur(_mask(draw_on, size), 0.5)
    return Defect(label="pit", mask_HW=mask, light_HW3=under * 0.1)


def fibre(rng: np.random.Generator, under: Array) -> Defect:
    """A curled thread lying on the surface."""
    size = under.shape[0], under.shape[1]
    turns = np.linspace(0, float(rng.uniform(1.5, 3.2)) * np.pi, 60)
    radius = np.linspace(0.12, 0.42, 60) * rng.uniform(0.85, 1.05)
    x = (0.5 + radius * np.cos(turns)) * size[1] * _FINE
    y = (0.5 + radius * np.sin(turns + rng.uniform(-0.4, 0.4))) * size[0] * _FINE
    path = list(zip(x.tolist(), y.tolist(), strict=True))
    mask = _mask(lambda d: d.line(path, 255, 2 * _FINE, "curve"), size)
    colours = np.array([[0.92, 0.92, 0.9], [0.08, 0.08, 0.1], [0.7, 0.12, 0.12]])
    colour = colours[int(np.argmax(np.abs(colours - under.mean()).sum(axis=1)))]
    light = np.broadcast_to(colour.astype(np.float32), under.shape)
    return Defect(label="fibre", mask_HW=mask, light_HW3=np.ascontiguousarray(light))


# What a defect of the kind measures: shorter side, longer side in pixels at 640 px wide.
BRUSHES: dict[str, tuple[Brush, tuple[int, int], tuple[int, int]]] = {
    "scratch": (scratch, (18, 70), (70, 220)),
    "dent": (dent, (26, 80), (30, 90)),
    "stain": (stain, (40, 130), (50, 150)),
    "crack": (crack, (36, 90), (80, 200)),
    "pit": (pit, (26, 60), (28, 70)),
    "fibre": (fibre, (36, 80), (40, 90)),
}
CLASS_NAMES = tuple(BRUSHES)
