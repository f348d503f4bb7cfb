from apps.core.errors import ConflictError, DomainError


class NoModelError(DomainError):
    code = "no_model"


class BadEndpointError(DomainError):
    code = "bad_endpoint"


class BadSamplingError(DomainError):
    code = "bad_sampling"


class NothingToReturnToError(ConflictError):
    """There is no earlier version, or it is the one that serves."""

    code = "nothing_to_return_to"


class RolloutRunningError(ConflictError):
    code = "rollout_running"


class BadTaskError(DomainError):
    """What Label Studio sent cannot be answered as it stands."""

    code = "bad_task"


class NoReplicaError(ConflictError):
    code = "no_replica"


class NoAnswerError(ConflictError):
    """A replica refused a picture, or said nothing."""

    code = "no_answer"
