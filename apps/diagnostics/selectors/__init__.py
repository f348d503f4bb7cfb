"""What others may read of diagnostics; the modules hold it by subject."""

from apps.diagnostics.selectors.estimates import applicable_tools, estimate
from apps.diagnostics.selectors.reports import (
    access_report,
    changes_since,
    list_reports,
    results_of,
)

__all__ = [
    "access_report",
    "applicable_tools",
    "changes_since",
    "estimate",
    "list_reports",
    "results_of",
]
