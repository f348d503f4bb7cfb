from apps.core.errors import ConflictError, DomainError


class BadReportError(DomainError):
    """Choices that nothing could be measured with; the message says which."""

    code = "bad_report"


class NothingToMeasureError(DomainError):
    """The dataset version has no labeled object in the chosen splits."""

    code = "nothing_to_measure"


class NotDoneError(ConflictError):
    """The report is not whole yet."""

    code = "report_not_done"
