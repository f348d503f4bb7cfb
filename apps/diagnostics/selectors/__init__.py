"""What others may read of diagnostics; the modules hold it by subject."""

from apps.diagnostics.selectors.estimates import (
    applicable_tools,
    estimate,
    needs_met,
)
from apps.diagnostics.selectors.reports import (
    access_report,
    changes_since,
    list_reports,
    marks_of,
    results_of,
)
from apps.diagnostics.selectors.stages import diagnosis_stage

__all__ = [
    "access_report",
    "applicable_tools",
    "changes_since",
    "diagnosis_stage",
    "estimate",
    "list_reports",
    "marks_of",
    "needs_met",
    "results_of",
]
