from apps.core.errors import ConflictError, DomainError, ForbiddenError


class BadNameError(DomainError):
    code = "bad_name"


class NameTakenError(ConflictError):
    code = "name_taken"


class InvalidModelError(DomainError):
    """A directory, an upload or a card that is not what it says."""

    code = "invalid_model"


class BadPathError(DomainError):
    code = "bad_path"


class BadCardError(DomainError):
    code = "bad_card"


class ParentMovedError(ConflictError):
    """The branch has gone on since the commit that the client built upon."""

    code = "parent_moved"
    status = 412


class NotAPublisherError(ForbiddenError):
    code = "not_a_publisher"
