# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""What the pixels of a picture say without any model."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn

from deepseek_diagnostics.data import Floats
from deepseek_vision.images import Pixels

STATISTICS = ("brightness", "contrast", "sharpness", "saturation", "warmth")
SIDE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Numbers of one picture.

    Attributes:
        vector_D: Its statistics and a coarse view: 8 x 8 grey cells.
    """

    statistics_S: Floats
    vector_D: Floats
    hash64: int


def describe(pixels_HW3: Pixels) -> Seen:
    """Measure a picture at no more than 256 pixels.

    Sharpness is the logarithm of the Laplacian's variance (Pech-Pacheco et al., ICPR
    2000); the hash is the sign of the 64 lowest cosines (pHash, Zauner, 2010).
    """
    image = Image.fromarray(pixels_HW3)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    rgb = np.asarray(image, np.float64) / 255
    grey = rgb @ np.array([0.299, 0.587, 0.114])
    inner = grey[1:-1, 1:-1]
    laplacian = (
        grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    )
    spread = laplacian.var() if laplacian.size else 0.0
    statistics = np.array(
        [
            grey.mean(),
            grey.std(),
            np.log10(spread + 1e-8),
            (rgb.max(axis=2) - rgb.min(axis=2)).mean(),
            (rgb[..., 0] - rgb[..., 2]).mean(),
        ]
    )
    small = Image.fromarray((grey * 255).astype(np.uint8))
    cells = np.asarray(small.resize((8, 8), Image.Resampling.BOX), np.float64) / 255
    return Seen(
        statistics_S=statistics,
        vector_D=np.concatenate([statistics, cells.ravel()]),
        hash64=_hash(small),
    )


def _hash(grey: Image.Image) -> int:
    cells = np.asarray(grey.resize((32, 32), Image.Resampling.BOX), np.float64)
    low = dctn(cells, norm="ortho")[:8, :8].ravel()
    bits = low > np.median(low[1:])
    return int("".join("1" if bit else "0" for bit in bits), 2)
