from statistics import median
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.training.errors import BadRecipeError
from apps.training.models import TrainingRun
from apps.training.types import PRESET_NAMES, Estimate
from deepseek_vision.spec import PRESETS, Recipe, preset

# Images a second at 320 pixels on one core of a common server; only for a first guess.
GUESSED_RATES = {"small": 5.0, "nano": 14.0}
GPU_TIMES_CORE = 60.0
START_S, END_S = 12.0, 25.0


def recipe_of(*, preset_name: str, changes: dict[str, Any]) -> Recipe:
    """Return a preset's recipe with some numbers changed.

    Raises:
        BadRecipeError: There is no such preset or number, or no run could use it.
    """
    if preset_name not in PRESET_NAMES:
        raise BadRecipeError(
            _("no preset {preset_name!r}; there are: {names}").format(
                preset_name=preset_name, names=", ".join(PRESET_NAMES)
            )
        )
    try:
        return preset(preset_name, **changes)
    except (ValueError, TypeError) as exc:
        raise BadRecipeError(str(exc)) from exc


def list_presets() -> list[tuple[str, Recipe]]:
    return [(name, PRESETS[name]) for name in PRESET_NAMES]


def estimate(*, recipe: Recipe, device: str, num_cpus: int, num_val: int) -> Estimate:
    """Say how long a recipe takes, from what runs on such a device have measured.

    Work grows with the pixels of a picture. Without any measurement it is a guess
    from a table, and its interval says so.
    """
    done = TrainingRun.objects.filter(
        device=device,
        images_per_s__isnull=False,
        recipe__size=recipe.size,
        preset__in=[
            n for n, one in list_presets() if one.has_masks == recipe.has_masks
        ],
    ).order_by("-pk")
    rates = [
        rate * (given["side_px"] / recipe.side_px) ** 2
        for rate, given in done.values_list("images_per_s", "recipe")[:20]
    ]
    if rates:
        rate, spread = median(rates), 1.25 + 1.0 / len(rates)
    else:
        power = GPU_TIMES_CORE if device == "gpu" else min(num_cpus, settings.RUN_CPUS)
        rate = GUESSED_RATES[recipe.size] * power * (320 / recipe.side_px) ** 2
        spread = 3.0
    num_evaluations = max(1, recipe.num_steps // recipe.evaluate_every)
    num_images = recipe.num_steps * recipe.batch_size + num_evaluations * num_val / 3
    work_s = num_images / rate
    if recipe.max_seconds is not None:
        work_s = min(work_s, recipe.max_seconds)
    return Estimate(
        seconds=START_S + work_s + END_S,
        low_s=START_S / 2 + work_s / spread + END_S / 2,
        high_s=START_S * 2 + work_s * spread + END_S * 2,
        images_per_s=rate,
        num_steps=recipe.num_steps,
        num_measured=len(rates),
    )
