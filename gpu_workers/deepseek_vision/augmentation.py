"""How pictures are varied while training; numbers alone, the work is in data/."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Shares are of a batch; `scale` is relative to the picture filling the frame."""

    mosaic_share: float = 0.5
    mixup_share: float = 0.15
    scale: tuple[float, float] = (0.5, 1.6)
    aspect: float = 0.2
    colour: float = 0.4
    flip_share: float = 0.5
    vertical_flip_share: float = 0.0


NONE = Augmentation(
    mosaic_share=0, mixup_share=0, scale=(1.0, 1.0), aspect=0, colour=0, flip_share=0
)
