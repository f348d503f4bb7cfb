from apps.core.errors import DomainError


class NotSearchableError(DomainError):
    """No model can be found by these images."""

    code = "not_searchable"
