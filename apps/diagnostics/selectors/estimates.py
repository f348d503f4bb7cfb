from collections.abc import Sequence
from statistics import median

from apps.diagnostics.models import ToolResult
from apps.diagnostics.types import Estimate
from apps.labeling.types import DatasetVersionInfo
from apps.marketplace.selectors.serving import files_of
from apps.marketplace.types import OWN_FORMAT, ModelRevisionInfo
from deepseek_diagnostics.catalog import (
    BY_ID,
    TOOLS,
    Need,
    estimate_s,
    needs_of_model,
)

NUM_LOOKED_AT = 400


def needs_met(
    model: ModelRevisionInfo | None,
    *,
    has_other: bool,
    has_reference: bool,
    has_run: bool,
) -> frozenset[Need]:
    """What there is for tools that need more than a model and data.

    Args:
        model: None takes one that keeps nothing closed.
        has_other: Whether a second model is chosen.
        has_reference: Whether data to compare with is.
        has_run: Whether a training run is.
    """
    chosen = {
        Need.OTHER_MODEL: has_other,
        Need.REFERENCE: has_reference,
        Need.CURVES: has_run,
    }
    met = frozenset(need for need, is_chosen in chosen.items() if is_chosen)
    if model is None:
        return met | (set(Need) - chosen.keys())
    return met | needs_of_model(
        is_detector=model.config.get("format") == OWN_FORMAT, files=files_of(model.id)
    )


def applicable_tools(met: frozenset[Need]) -> tuple[str, ...]:
    """The tools that need nothing which is not there."""
    return tuple(tool.id for tool in TOOLS if tool.needs <= met)


def num_images_of(version: DatasetVersionInfo, splits: Sequence[str]) -> int:
    if not splits:
        return version.num_images
    return sum(version.splits.get(one, 0) for one in splits)


def estimate(*, tools: Sequence[str], num_images: int) -> Estimate:
    """Say how long a report takes, from what its tools have taken here before.

    A tool that was never measured here is guessed from a table; predictions count as
    if none were known.
    """
    rows = (
        ToolResult.objects.filter(
            tool__in=list(tools), is_cached=False, report__num_images__gt=0
        )
        .order_by("-pk")
        .values_list("tool", "tool_version", "seconds", "report__num_images")
    )
    rates: dict[str, list[float]] = {}
    for tool, version, seconds, num in rows[:NUM_LOOKED_AT]:
        if tool in BY_ID and version == BY_ID[tool].version and seconds > 0:
            rates.setdefault(tool, []).append(seconds / num)
    measured = sum(median(some) * num_images for some in rates.values())
    guessed = [one for one in tools if one not in rates]
    return Estimate(
        seconds=measured
        + estimate_s(guessed, num_images=num_images, num_new=num_images),
        num_images=num_images,
        num_tools=len(tools),
        num_measured=len(rates),
    )
