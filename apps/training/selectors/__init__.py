"""What others may read of training; the modules hold it by subject."""

from apps.training.selectors.estimates import estimate, list_presets, recipe_of
from apps.training.selectors.lineage import run_of_model
from apps.training.selectors.runs import (
    access_run,
    list_runs,
    runs_to_compare,
    series_of,
    series_of_runs,
)
from apps.training.selectors.stages import training_stage

__all__ = [
    "access_run",
    "estimate",
    "list_presets",
    "list_runs",
    "recipe_of",
    "run_of_model",
    "runs_to_compare",
    "series_of",
    "series_of_runs",
    "training_stage",
]
