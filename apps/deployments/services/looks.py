"""How pictures look on the whole, in a few numbers, and which are unlike the others."""

import math
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageFilter, ImageStat

NUM_USUAL = 200  # pictures that say what is usual
STRANGE = 5.0  # standard deviations
LEAST_SPREAD = 2.0  # of 255; less is the noise of a camera
_SIDE = 64


def looks_of(image: Image.Image) -> tuple[float, ...]:
    """Colour, contrast and sharpness: mean of R, G, B, spread of grey, mean of edges."""
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    grey = small.convert("L")
    edges = grey.filter(ImageFilter.FIND_EDGES)
    return (
        *ImageStat.Stat(small).mean,
        ImageStat.Stat(grey).stddev[0],
        ImageStat.Stat(edges).mean[0],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Mean and spread of what came in, one picture after the other (Welford, 1962)."""

    num: int = 0
    means: tuple[float, ...] = ()
    squares: tuple[float, ...] = ()

    @classmethod
    def read(cls, written: dict[str, Any]) -> "Looks":
        return cls(
            num=written.get("num", 0),
            means=tuple(written.get("means", ())),
            squares=tuple(written.get("squares", ())),
        )

    def written(self) -> dict[str, Any]:
        return {
            "num": self.num,
            "means": list(self.means),
            "squares": list(self.squares),
        }

    @property
    def is_known(self) -> bool:
        return self.num >= NUM_USUAL

    def with_one(self, looks: tuple[float, ...]) -> "Looks":
        num = self.num + 1
        old = self.means or (0.0,) * len(looks)
        squares = self.squares or (0.0,) * len(looks)
        means = tuple(m + (x - m) / num for m, x in zip(old, looks, strict=True))
        return Looks(
            num=num,
            means=means,
            squares=tuple(
                s + (x - m) * (x - after)
                for s, x, m, after in zip(squares, looks, old, means, strict=True)
            ),
        )

    def distance(self, looks: tuple[float, ...]) -> float:
        """0 for what is usual; towards 1 the stranger it looks."""
        furthest = max(
            abs(x - m) / max(LEAST_SPREAD, math.sqrt(s / self.num))
            for x, m, s in zip(looks, self.means, self.squares, strict=True)
        )
        return 0.0 if furthest < STRANGE else 1 - STRANGE / (2 * furthest)
