"""What a service may refuse, in the domain's own words."""

import re

from django.utils.translation import gettext as _


class DomainError(Exception):
    """A rule said no.

    Attributes:
        code: Stable machine-readable name, part of the public API.
        status: The HTTP status an API answers with.
        extra: Further fields of the answer, all JSON.
    """

    code = "invalid"
    status = 400

    def __init__(self, message: str, **extra: object) -> None:
        super().__init__(message)
        self.extra = extra


class NotFoundError(DomainError):
    """The object is absent, or the user may not know that it exists."""

    code = "not_found"
    status = 404


class MovedError(NotFoundError):
    """The object has another address by now.

    A request whose own address names it is sent on there; any other is answered as one
    for an object that is absent, with a message that tells the new name.

    Attributes:
        old: The part of an address that named it, as it was asked for: "demo/boards".
        new: What stands there now.
    """

    code = "moved"

    def __init__(self, message: str, *, old: str, new: str) -> None:
        super().__init__(message)
        self.old, self.new = old, new

    def new_path(self, path: str) -> str:
        """Return where a request for ``path`` goes; "" where the path does not name it."""
        found = re.search(rf"(?<=/){re.escape(self.old)}(?=/|\.git/|$)", path)
        if found is None:
            return ""
        return f"{path[: found.start()]}{self.new}{path[found.end() :]}"


class ForbiddenError(DomainError):
    """The user knows the object but her role does not allow this."""

    code = "forbidden"
    status = 403


class ConflictError(DomainError):
    """The request was sound but the object has since changed."""

    code = "conflict"
    status = 409


class StorageFullError(DomainError):
    code = "storage_full"
    status = 507


class TooLargeError(DomainError):
    code = "too_large"
    status = 413


class KeyReusedError(DomainError):
    """A key that makes a request harmless to repeat came with another request."""

    code = "idempotency_key_reused"
    status = 422

    def __init__(self) -> None:
        super().__init__(_("this Idempotency-Key was used for another request"))
