"""Every number a training run depends on."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from deepseek_vision.data.augment import Augmentation
from deepseek_vision.errors import DatasetError


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The same recipe, data and seed give the same model.

    `max_seconds` ends a run early, on schedule: the learning rate follows time when
    it is set, so that the last steps are the slow ones either way.
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
}


def preset(name: str, **changes: Any) -> Recipe:
    """A named recipe with some numbers changed.

    Raises:
        DatasetError: for a name that does not exist, listing those that do.
    """
    if name not in PRESETS:
        raise DatasetError(f"no preset {name!r}; there are: {', '.join(PRESETS)}")
    look = changes.get("augmentation")
    if isinstance(look, dict):
        changes["augmentation"] = replace(PRESETS[name].augmentation, **look)
    return replace(PRESETS[name], **changes)
