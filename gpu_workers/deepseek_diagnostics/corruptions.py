"""Fifteen corruptions of five severities, written for any size of picture.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", ICLR 2019; for detection Michaelis et al., "Benchmarking Robustness
in Object Detection", 2019. Strengths follow theirs; where they paste photographs (frost)
or simulate with a program (snow), a pattern of the same statistics is drawn.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy import ndimage

from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.words import gettext_noop as _
from deepseek_vision.images import Pixels

Chance = np.random.Generator
Corrupt = Callable[[Floats, int, Chance], Floats]


def corrupted(pixels: Pixels, name: str, severity: int, rng: Chance) -> Pixels:
    """A picture spoiled; severity 1 to 5."""
    spoiled = CORRUPTIONS[name](pixels.astype(np.float64) / 255, severity - 1, rng)
    return np.asarray((np.clip(spoiled, 0, 1) * 255).round(), np.uint8)


def _gaussian_noise(x: Floats, level: int, rng: Chance) -> Floats:
    return x + rng.normal(0, (0.08, 0.12, 0.18, 0.26, 0.38)[level], x.shape)


def _shot_noise(x: Floats, level: int, rng: Chance) -> Floats:
    photons = (60, 25, 12, 5, 3)[level]
    return np.asarray(rng.poisson(x * photons) / photons, np.float64)


def _impulse_noise(x: Floats, level: int, rng: Chance) -> Floats:
    share = (0.03, 0.06, 0.09, 0.17, 0.27)[level]
    chance = rng.random(x.shape)
    return np.where(chance < share / 2, 0.0, np.where(chance > 1 - share / 2, 1.0, x))


def _defocus_blur(x: Floats, level: int, _rng: Chance) -> Floats:
    radius = (3, 4, 6, 8, 10)[level] * _scale(x)
    size = int(np.ceil(radius))
    grid = np.mgrid[-size : size + 1, -size : size + 1]
    disk = ((grid**2).sum(axis=0) <= radius**2).astype(np.float64)
    return _filtered(x, disk / disk.sum())


def _glass_blur(x: Floats, level: int, rng: Chance) -> Floats:
    reach = (1, 2, 2, 3, 4)[level]
    blurred = _smoothed(x, 0.7)
    rows, columns = np.mgrid[0 : x.shape[0], 0 : x.shape[1]]
    moved = [
        np.clip(axis + rng.integers(-reach, reach + 1, axis.shape), 0, size - 1)
        for axis, size in ((rows, x.shape[0]), (columns, x.shape[1]))
    ]
    return _smoothed(blurred[moved[0], moved[1]], 0.7)


def _motion_blur(x: Floats, level: int, rng: Chance) -> Floats:
    length = max(3, int((10, 15, 15, 20, 25)[level] * _scale(x)))
    line = np.zeros((length, length))
    line[length // 2] = 1
    kernel = ndimage.rotate(line, rng.uniform(-45, 45), reshape=False, order=1)
    return _filtered(x, np.clip(kernel, 0, None) / max(1e-9, kernel.clip(0).sum()))


def _zoom_blur(x: Floats, level: int, _rng: Chance) -> Floats:
    most = (1.11, 1.16, 1.21, 1.26, 1.31)[level]
    factors = np.linspace(1, most, 6)
    return np.asarray(np.mean([_zoomed(x, one) for one in factors], axis=0))


def _snow(x: Floats, level: int, rng: Chance) -> Floats:
    share, strength = ((0.01, 0.8), (0.02, 0.9), (0.03, 0.9), (0.04, 1.0), (0.06, 1.0))[
        level
    ]
    flakes = (rng.random(x.shape[:2]) < share).astype(np.float64)
    fallen = ndimage.gaussian_filter(flakes, (2.5, 0.8)) * 8
    grey = x.mean(axis=2, keepdims=True) * 0.5 + 0.5
    pale = 0.85 * x + 0.15 * np.maximum(x, grey)
    return np.asarray(pale + strength * np.clip(fallen, 0, 1)[..., None])


def _frost(x: Floats, level: int, rng: Chance) -> Floats:
    keep, add = ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))[level]
    ice = np.abs(_clouds(x.shape[:2], rng) - 0.5) * 2
    crystals = np.clip(1 - 3 * ice, 0, 1)[..., None] * np.array([0.9, 0.95, 1.0])
    return np.asarray(keep * x + add * crystals)


def _fog(x: Floats, level: int, rng: Chance) -> Floats:
    strength = (1.5, 2.0, 2.5, 2.5, 3.0)[level]
    top = x.max()
    mist = strength * _clouds(x.shape[:2], rng)[..., None]
    return np.asarray((x + mist) * top / (top + strength), np.float64)


def _brightness(x: Floats, level: int, _rng: Chance) -> Floats:
    return x + (0.1, 0.2, 0.3, 0.4, 0.5)[level]


def _contrast(x: Floats, level: int, _rng: Chance) -> Floats:
    mean = x.mean(axis=(0, 1), keepdims=True)
    return np.asarray((x - mean) * (0.4, 0.3, 0.2, 0.1, 0.05)[level] + mean)


def _elastic(x: Floats, level: int, rng: Chance) -> Floats:
    strength = (2, 3, 4, 6, 8)[level] * _scale(x)
    rows, columns = np.mgrid[0 : x.shape[0], 0 : x.shape[1]].astype(np.float64)
    moves = [
        ndimage.gaussian_filter(rng.uniform(-1, 1, x.shape[:2]), 6)
        for _axis in range(2)
    ]
    moves = [strength * one / max(1e-9, np.abs(one).max()) for one in moves]
    where = np.stack([rows + moves[0], columns + moves[1]])
    return _by_channel(
        x, lambda one: ndimage.map_coordinates(one, where, order=1, mode="reflect")
    )


def _pixelate(x: Floats, level: int, _rng: Chance) -> Floats:
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[level]
    image = Image.fromarray((np.clip(x, 0, 1) * 255).astype(np.uint8))
    size = (max(1, int(image.width * share)), max(1, int(image.height * share)))
    small = image.resize(size, Image.Resampling.BOX)
    return (
        np.asarray(small.resize(image.size, Image.Resampling.NEAREST), np.float64) / 255
    )


def _jpeg(x: Floats, level: int, _rng: Chance) -> Floats:
    out = io.BytesIO()
    image = Image.fromarray((np.clip(x, 0, 1) * 255).astype(np.uint8))
    image.save(out, "JPEG", quality=(25, 18, 15, 10, 7)[level])
    return np.asarray(Image.open(out), np.float64) / 255


def _scale(x: Floats) -> float:
    """Strengths in pixels are for pictures of 500 pixels."""
    return max(0.4, float(max(x.shape[:2])) / 500)


def _by_channel(x: Floats, act: Callable[[Floats], Floats]) -> Floats:
    return np.stack([act(x[..., channel]) for channel in range(3)], axis=-1)


def _filtered(x: Floats, kernel: Floats) -> Floats:
    return _by_channel(x, lambda one: ndimage.convolve(one, kernel, mode="reflect"))


def _smoothed(x: Floats, sigma: float) -> Floats:
    return np.asarray(ndimage.gaussian_filter(x, (sigma, sigma, 0)), np.float64)


def _zoomed(x: Floats, factor: float) -> Floats:
    """The middle of a picture, larger."""
    height, width = x.shape[:2]
    rows = (np.arange(height) - height / 2) / factor + height / 2
    columns = (np.arange(width) - width / 2) / factor + width / 2
    where = np.clip(rows, 0, height - 1).astype(int)
    return x[np.ix_(where, np.clip(columns, 0, width - 1).astype(int))]


def _clouds(shape: tuple[int, ...], rng: Chance) -> Floats:
    """Noise whose waves fall off with their frequency, in [0, 1]."""
    rows, columns = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None]
    falls = 1 / np.maximum(np.hypot(rows, columns), 1 / max(shape)) ** 1.7
    waves = falls * np.exp(2j * np.pi * rng.random(shape))
    field = np.real(np.fft.ifft2(waves))
    return np.asarray((field - field.min()) / max(1e-12, np.ptp(field)))


CORRUPTIONS: dict[str, Corrupt] = {
    _("gaussian noise"): _gaussian_noise, _("shot noise"): _shot_noise,
    _("impulse noise"): _impulse_noise, _("defocus"): _defocus_blur, _("glass"): _glass_blur,
    _("motion"): _motion_blur, _("zoom"): _zoom_blur, _("snow"): _snow, _("frost"): _frost,
    _("fog"): _fog, _("brightness"): _brightness, _("contrast"): _contrast,
    _("elastic"): _elastic, _("pixelate"): _pixelate, "JPEG": _jpeg,
}  # fmt: skip
