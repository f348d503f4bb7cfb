"""What others may read of training; the modules hold it by subject."""

from apps.training.selectors.estimates import estimate, list_presets, recipe_of
from apps.training.selectors.runs import (
    access_run,
    list_runs,
    runs_to_compare,
    series_of,
    series_of_runs,
)

__all__ = [
    "access_run",
    "estimate",
    "list_presets",
    "list_runs",
    "recipe_of",
    "runs_to_compare",
    "series_of",
    "series_of_runs",
]
