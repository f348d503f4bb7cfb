"""What the server refuses, each with one sentence and the HTTP status that says so."""


class ServingError(Exception):
    """A request or a model that cannot be served; its text is meant for people."""

    status = 500


class RequestError(ServingError):
    """The caller can put it right."""

    status = 400


class UnknownModelError(ServingError):
    status = 404


class TooLargeError(ServingError):
    status = 413


class SlowClientError(ServingError):
    """The body did not arrive in time."""

    status = 408


class ForbiddenError(ServingError):
    status = 403


class BusyError(ServingError):
    """More waits than may wait; another try a moment later may pass."""

    status = 503


class NotReadyError(ServingError):
    """The model is loading, or failed to load."""

    status = 503


class OutOfMemoryError(ServingError):
    status = 503


class DeadlineError(ServingError):
    """The answer would have come too late."""

    status = 504


class ModelError(ServingError):
    """The model failed on this request, or its directory is not one."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether that is what a runtime means, in whatever words."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in _OUT_OF_MEMORY
    )


_OUT_OF_MEMORY = ("bad_alloc", "out of memory", "Failed to allocate")
