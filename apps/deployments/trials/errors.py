from apps.core.errors import ConflictError


class TooManyTrialsError(ConflictError):
    """The person's earlier pictures are not answered yet."""

    code = "too_many_trials"
