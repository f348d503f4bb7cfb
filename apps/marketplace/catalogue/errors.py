from apps.core.errors import ConflictError, DomainError, NotFoundError


class BadSourceNameError(DomainError):
    code = "bad_source"


class UpstreamAwayError(DomainError):
    """There is no way to the upstream, or it speaks another language."""

    code = "upstream_away"
    status = 424  # of ours nothing failed: asking again at once would not help


class UpstreamRefusedError(ConflictError):
    """The upstream has it, and does not give it to this server."""

    code = "upstream_refused"


class NotUpstreamError(NotFoundError):
    """The upstream has no such model, or does not let this server know of it."""

    code = "not_upstream"
