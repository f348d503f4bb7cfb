"""Workpieces without defects: RGB float arrays, values in [0, 1], shape H W 3."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Array = NDArray[np.float32]
Size = tuple[int, int]  # height, width


def smooth_noise(rng: np.random.Generator, size: Size, cells: Size) -> Array:
    """Bicubic noise with about `cells` bumps down and across, in about [-1, 1]."""
    coarse = rng.uniform(-1, 1, cells).astype(np.float32)
    image = Image.fromarray(coarse, mode="F")
    return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC), np.float32)


def _paint(grey: NDArray[np.floating], tint: Array) -> Array:
    painted: Array = np.clip(grey[..., None] * tint, 0, 1).astype(np.float32)
    return painted


def brushed_metal(rng: np.random.Generator, size: Size) -> Array:
    height, width = size
    fine = rng.normal(0, 1, (height, width // 24 + 2)).astype(np.float32)
    strokes = np.asarray(
        Image.fromarray(fine, mode="F").resize(size[::-1], Image.Resampling.BILINEAR)
    )
    grey = rng.uniform(0.45, 0.7) + 0.035 * strokes
    grey += 0.08 * smooth_noise(rng, size, (3, 3))
    if rng.random() < 0.5:
        grey = np.rot90(np.resize(grey.T, size[::-1])).copy()
    return _paint(grey, rng.uniform(0.92, 1.05, 3).astype(np.float32))


def machined_disc(rng: np.random.Generator, size: Size) -> Array:
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    centre_y = height * rng.uniform(0.35, 0.65)
    centre_x = width * rng.uniform(0.35, 0.65)
    radius = np.hypot(rows - centre_y, columns - centre_x)
    angle = np.arctan2(rows - centre_y, columns - centre_x)
    rings = np.sin(radius * rng.uniform(0.5, 1.1)) * 0.02
    sheen = 0.10 * np.cos(2 * angle + rng.uniform(0, 6.28))
    grey = rng.uniform(0.5, 0.65) + rings + sheen
    grey += rng.normal(0, 0.012, size)
    rim = height * rng.uniform(0.52, 0.8)
    hub = height * rng.uniform(0.05, 0.14)
    grey = np.where((radius > rim) | (radius < hub), 0.13, grey)
    edge = (np.abs(radius - rim) < 3) | (np.abs(radius - hub) < 3)
    grey = np.where(edge, 0.85, grey).astype(np.float32)
    return _paint(grey, rng.uniform(0.93, 1.05, 3).astype(np.float32))


def painted_panel(rng: np.random.Generator, size: Size) -> Array:
    hue = rng.uniform(0.15, 0.85, 3).astype(np.float32)
    grey = 0.95 + 0.12 * smooth_noise(rng, size, (2, 3))
    grey += rng.normal(0, 0.02, size)
    grey += 0.015 * smooth_noise(rng, size, (size[0] // 5, size[1] // 5))
    return _paint(grey.astype(np.float32), hue)


def bottle(rng: np.random.Generator, size: Size) -> Array:
    """A cylinder in front of a dim background, with its label band."""
    height, width = size
    columns = np.linspace(-1, 1, width, dtype=np.float32)
    half = rng.uniform(0.55, 0.85)
    across = np.clip(columns / half, -1, 1)
    shade = np.sqrt(1 - across**2) * 0.75 + 0.2
    glint = np.exp(-(((across - rng.uniform(-0.5, 0.5)) / 0.08) ** 2)) * 0.25
    body = rng.uniform([0.1, 0.35, 0.15], [0.5, 0.75, 0.55]).astype(np.float32)
    row = (shade[:, None] * body + glint[:, None]) * (np.abs(columns) < half)[:, None]
    row += (np.abs(columns) >= half)[:, None] * 0.18
    picture = np.repeat(row[None].astype(np.float32), height, axis=0)
    top, bottom = sorted(rng.uniform(0.1, 0.9, 2))
    if bottom - top > 0.2:
        band = slice(int(top * height), int(bottom * height))
        paper = rng.uniform(0.7, 0.95, 3).astype(np.float32)
        inside = np.abs(columns) < half
        picture[band, inside] = shade[inside][None, :, None] * paper
    picture += rng.normal(0, 0.01, picture.shape)
    filled: Array = np.clip(picture, 0, 1).astype(np.float32)
    return filled


def circuit_board(rng: np.random.Generator, size: Size) -> Array:
    height, width = size
    greens = [(18, 84, 48), (20, 60, 100), (24, 100, 70), (110, 30, 30)]
    base = greens[int(rng.integers(len(greens)))]
    lighter = (base[0] + 26, base[1] + 48, base[2] + 30)
    image = Image.new("RGB", (width, height), base)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(14, 30))):
        _trace(rng, draw, size, lighter)
    for _ in range(int(rng.integers(8, 26))):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        r = int(rng.integers(4, 10))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=(196, 170, 96))
        draw.ellipse(
            (x - r // 2, y - r // 2, x + r // 2, y + r // 2), fill=(24, 24, 24)
        )
    for _ in range(int(rng.integers(1, 5))):
        _chip(rng, draw, size)
    soft = image.filter(ImageFilter.GaussianBlur(0.7))
    picture = np.asarray(soft, dtype=np.float32) / 255
    return np.clip(picture + rng.normal(0, 0.012, picture.shape), 0, 1).astype(
        np.float32
    )


def _trace(
    rng: np.random.Generator,
    draw: ImageDraw.ImageDraw,
    size: Size,
    colour: tuple[int, int, int],
) -> None:
    x, y = int(rng.integers(0, size[1])), int(rng.integers(0, size[0]))
    points = [(x, y)]
    for _ in range(int(rng.integers(2, 5))):
        step = int(rng.integers(30, 160)) * int(rng.choice([-1, 1]))
        turn = int(rng.integers(3))
        x += step if turn != 1 else 0
        y += step if turn != 0 else 0
        points.append((x, y))
    draw.line(points, fill=colour, width=int(rng.integers(2, 6)), joint="curve")


def _chip(rng: np.random.Generator, draw: ImageDraw.ImageDraw, size: Size) -> None:
    w, h = (int(v) for v in rng.integers(40, 110, 2))
    x = int(rng.integers(0, size[1] - w))
    y = int(rng.integers(0, size[0] - h))
    for pin in range(x + 4, x + w - 4, 10):
        draw.rectangle((pin, y - 6, pin + 4, y + h + 6), fill=(178, 178, 182))
    draw.rectangle((x, y, x + w, y + h), fill=(34, 34, 38))
    draw.ellipse((x + 5, y + 5, x + 11, y + 11), fill=(70, 70, 74))


SURFACES: tuple[Callable[[np.random.Generator, Size], Array], ...] = (
    brushed_metal,
    machined_disc,
    painted_panel,
    bottle,
    circuit_board,
)
