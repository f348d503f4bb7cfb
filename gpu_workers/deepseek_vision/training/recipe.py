"""Every number a training run depends on. Standard library only: forms read it too."""

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from deepseek_vision.augmentation import Augmentation
from deepseek_vision.errors import DatasetError

SIZES = ("nano", "small", "medium")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The same recipe, data and seed give the same model.

    `max_seconds` ends a run early, on schedule: the learning rate follows time when
    it is set, so that the last steps are the slow ones either way. With `has_masks`
    an instance segmenter is trained, which outlines what it finds.
    """

    size: str = "small"
    side_px: int = 320
    num_steps: int = 3000
    max_seconds: float | None = None
    batch_size: int = 16
    lr: float = 1e-3
    backbone_lr_share: float = 0.5
    weight_decay: float = 0.03
    warmup_steps: int = 100
    plain_share: float = 0.15
    side_jitter: float = 0.0
    ema_decay: float = 0.9998
    ema_ramp: int = 2000
    prompt_noise: float = 0.02
    teacher_weight: float = 0.0
    evaluate_every: int = 1000
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    options: dict[str, Any] = field(default_factory=dict)
    has_masks: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that no run could use.

        Raises:
            ValueError: naming the field and the value.
        """
        for name in ("num_steps", "batch_size", "side_px", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be at least 1, got {getattr(self, name)}"
                )
        for name in ("lr", "ema_ramp"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.max_seconds is not None and self.max_seconds <= 0:
            raise ValueError(f"max_seconds must be above 0, got {self.max_seconds}")
        if self.size not in SIZES:
            raise ValueError(
                f"size must be one of {', '.join(SIZES)}, got {self.size!r}"
            )
        if self.side_px % 32:
            raise ValueError(f"side_px must be a multiple of 32, got {self.side_px}")
        if not 0 <= self.plain_share <= 1:
            raise ValueError(f"plain_share must be in [0, 1], got {self.plain_share}")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


PRESETS: dict[str, Recipe] = {
    "standard": Recipe(),
    # A minute on two cores, for sets of a few hundred pictures.
    "quick": Recipe(
        size="nano",
        side_px=256,
        num_steps=300,
        batch_size=16,
        lr=2e-3,
        warmup_steps=20,
        plain_share=0.25,
        ema_decay=0.99,
        ema_ramp=40,
        evaluate_every=300,
        augmentation=Augmentation(
            mosaic_share=0.25,
            mixup_share=0.0,
            scale=(0.7, 1.3),
            vertical_flip_share=0.5,
        ),
    ),
    # About ten pictures a class: start from a shipped model, move gently.
    "few-shot": Recipe(
        num_steps=300,
        batch_size=16,
        lr=4e-4,
        backbone_lr_share=0.1,
        warmup_steps=30,
        plain_share=0.25,
        ema_decay=0.995,
        ema_ramp=50,
        evaluate_every=150,
    ),
    # What people choose between: how long, how good, how small.
    "fast": Recipe(
        side_px=256,
        num_steps=120,
        batch_size=8,
        lr=6e-4,
        backbone_lr_share=0.2,
        warmup_steps=15,
        plain_share=0.25,
        ema_decay=0.98,
        ema_ramp=30,
        evaluate_every=40,
        augmentation=Augmentation(mosaic_share=0.25, mixup_share=0.0),
    ),
    "outlines": Recipe(
        has_masks=True,
        side_px=416,
        num_steps=1200,
        batch_size=8,
        backbone_lr_share=0.3,
        warmup_steps=60,
        ema_decay=0.998,
        evaluate_every=1200,
        augmentation=Augmentation(colour=0.7),
    ),
    "balanced": Recipe(
        num_steps=400,
        batch_size=16,
        lr=6e-4,
        backbone_lr_share=0.2,
        warmup_steps=40,
        plain_share=0.25,
        ema_decay=0.995,
        ema_ramp=100,
        evaluate_every=100,
    ),
    "accurate": Recipe(
        num_steps=3000,
        batch_size=16,
        lr=8e-4,
        backbone_lr_share=0.3,
        warmup_steps=100,
        ema_decay=0.999,
        ema_ramp=500,
        evaluate_every=300,
    ),
    "edge": Recipe(
        size="nano",
        side_px=256,
        num_steps=1500,
        batch_size=16,
        lr=2e-3,
        warmup_steps=50,
        plain_share=0.2,
        ema_decay=0.998,
        ema_ramp=300,
        evaluate_every=250,
    ),
}


def preset(name: str, **changes: Any) -> Recipe:
    """A named recipe with some numbers changed.

    Raises:
        DatasetError: for a name that does not exist, listing those that do.
        ValueError: for a number that no run could use, or that is none of a recipe's.
    """
    if name not in PRESETS:
        raise DatasetError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    known = [one.name for one in fields(Recipe)]
    if unknown := sorted(set(changes) - set(known)):
        raise ValueError(
            f"a recipe has no {', '.join(unknown)}; it has: {', '.join(known)}"
        )
    _check_types(changes)
    look = changes.get("augmentation")
    if isinstance(look, dict):
        changes["augmentation"] = replace(PRESETS[name].augmentation, **look)
    return replace(PRESETS[name], **changes)


def _check_types(changes: dict[str, Any]) -> None:
    """Refuse a word where a number belongs, and a fraction of a step."""
    example = asdict(Recipe())
    for name, value in changes.items():
        wanted = example[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(wanted, float) and not is_number:
            raise ValueError(f"{name} must be a number, got {value!r}")
        if isinstance(wanted, int) and (not is_number or value != int(value)):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
