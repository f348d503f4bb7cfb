from apps.core.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    MovedError,
    NotFoundError,
)


class BadNameError(DomainError):
    code = "bad_name"


class NameTakenError(ConflictError):
    code = "name_taken"


class RefTakenError(ConflictError):
    code = "ref_taken"


class LimitedTokenError(ForbiddenError):
    """The token is for repositories that it names."""

    code = "token_is_limited"


class UnknownRepositoriesError(NotFoundError):
    code = "unknown_repositories"


class BadLicenceError(DomainError):
    code = "bad_licence"


class QuotaError(ForbiddenError):
    """A namespace would hold more than it may."""

    code = "quota"


class LicenceDeniedError(ForbiddenError):
    """The workspace does not work with that licence."""

    code = "licence_denied"


class HeldError(ForbiddenError):
    """Scanners found something in a revision, and nobody has let it go yet."""

    code = "held"


class NotHeldError(ConflictError):
    code = "not_held"


class InvalidModelError(DomainError):
    """A directory, an upload or a card that is not what it says."""

    code = "invalid_model"


class NoPictureModelError(DomainError):
    """The model does not say anything about a picture alone."""

    code = "takes_no_picture"


class BadComparisonError(DomainError):
    code = "bad_comparison"


class BadPathError(DomainError):
    code = "bad_path"


class BadCardError(DomainError):
    code = "bad_card"


class BadXetError(DomainError):
    code = "bad_xet"


class BadCommitError(DomainError):
    code = "bad_commit"


class WrongBytesError(DomainError):
    """What came is not what was announced."""

    code = "wrong_bytes"


class ParentMovedError(ConflictError):
    """The branch has gone on since the commit that the client built upon."""

    code = "parent_moved"
    status = 412


class ArchivedError(ForbiddenError):
    code = "archived"


class RepositoryNotFoundError(NotFoundError):
    """Absent, or not for this person to know of."""


class RepositoryMovedError(MovedError, RepositoryNotFoundError):
    """It was renamed since."""


class RevisionNotFoundError(NotFoundError):
    pass


class EntryNotFoundError(NotFoundError):
    """The revision has no such file.

    Attributes:
        revision: The commit that was looked in.
    """

    def __init__(self, message: str, *, revision: str) -> None:
        super().__init__(message)
        self.revision = revision


class GatedError(ForbiddenError):
    """The files are for those who accepted the terms or were let in."""

    code = "gated"
