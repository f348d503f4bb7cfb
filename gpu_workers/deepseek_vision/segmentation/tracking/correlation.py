"""Where in a new frame an object lies, by what the click encoder saw of it.

The encoder's coarse map of a square window around the object is compared with that of
the same place in the next frame: a correlation filter (Henriques et al., 2015), solved
in the Fourier domain over all channels at once, whose peak is the shift. One encoding a
frame answers both this and the mask. No torch here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Array = NDArray[np.float32]
Spectrum = NDArray[np.complex64]

_RIDGE = 1e-2
_SPREAD = 0.08  # of the wanted peak, as a share of the object's size in cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The shift in cells, and how high the peak is: 1 for what was learned itself."""

    down: float
    right: float
    height: float


class CorrelationFilter:
    """Learned from windows with the object in the middle; maps are C H W."""

    def __init__(self, size: tuple[int, int], *, object_cells: float) -> None:
        self.size = size
        rows = np.arange(size[0]) - size[0] // 2
        columns = np.arange(size[1]) - size[1] // 2
        sigma = max(1.0, _SPREAD * object_cells)
        square = rows[:, None] ** 2 + columns[None, :] ** 2
        wanted = np.exp(-square / (2 * sigma**2)).astype(np.float32)
        self._wanted: Spectrum = fft.rfft2(fft.ifftshift(wanted))
        window = np.hanning(size[0] + 2)[1:-1, None] * np.hanning(size[1] + 2)[1:-1]
        self._taper = window.astype(np.float32)
        self._above: Spectrum | None = None
        self._below: NDArray[np.float32] | None = None

    def learn(self, features_CHW: Array, *, rate: float) -> None:
        """Mix in what the object looks like now; the first look counts whole."""
        spectrum = self._spectrum(features_CHW)
        above = np.conj(self._wanted) * spectrum
        below = (np.abs(spectrum) ** 2).sum(axis=0)
        if self._above is None or self._below is None:
            self._above, self._below = above, below
        else:
            self._above = self._above + rate * (above - self._above)
            self._below = self._below + rate * (below - self._below)

    def find(self, features_CHW: Array) -> Peak:
        """Where the object lies in a window, from its middle."""
        if self._above is None or self._below is None:
            raise ValueError("nothing has been learned yet")
        spectrum = self._spectrum(features_CHW)
        shared = (np.conj(self._above) * spectrum).sum(axis=0)
        ridge = _RIDGE * float(self._below.mean())
        answer = fft.fftshift(fft.irfft2(shared / (self._below + ridge), s=self.size))
        row, column = divmod(int(answer.argmax()), answer.shape[1])
        return Peak(
            down=row + _between(answer[:, column], row) - self.size[0] // 2,
            right=column + _between(answer[row], column) - self.size[1] // 2,
            height=float(answer[row, column]),
        )

    def _spectrum(self, features_CHW: Array) -> Spectrum:
        centred = features_CHW - features_CHW.mean(axis=(1, 2), keepdims=True)
        length = np.sqrt((centred**2).sum(axis=0, keepdims=True)) + 1e-3
        found: Spectrum = fft.rfft2(centred / length * self._taper)
        return found


def _between(values: Array, at: int) -> float:
    """The top of the parabola through a peak and its neighbours, from the peak."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(values[at + n]) for n in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.0 if bend >= 0 else max(-0.5, min(0.5, (before - after) / (2 * bend)))
