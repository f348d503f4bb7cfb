from apps.core.errors import DomainError


class NotEvaluableError(DomainError):
    """The model or the data cannot be measured against each other."""

    code = "not_evaluable"
