from apps.core.errors import ConflictError, DomainError


class IllegalTransitionError(ConflictError):
    code = "illegal_transition"


class StaleAttemptError(DomainError):
    """Another attempt owns the job; whoever hears this stops and writes no more."""

    code = "stale_attempt"
    status = 409
