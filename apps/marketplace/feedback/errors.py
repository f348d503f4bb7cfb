from apps.core.errors import DomainError


class EmptyMessageError(DomainError):
    """Nothing was said, or too much."""

    code = "bad_message"


class BadDiscussionError(DomainError):
    """A Hub client asks for what threads here are not."""

    code = "bad_discussion"
