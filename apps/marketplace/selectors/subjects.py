"""What people speak about beside models; each room above finds its own things."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.types import Subject

if TYPE_CHECKING:
    from apps.accounts.models import User

Finder = Callable[["User", int], Subject]
_finders: dict[str, Finder] = {}


def finds_subject(kind: str) -> Callable[[Finder], Finder]:
    """Mark what finds a thing of a kind, or raises NotFoundError for strangers to it.

    It stands among a room's selectors, which are loaded at the start.
    """

    def mark(finder: Finder) -> Finder:
        _finders[kind] = finder
        return finder

    return mark


def access_subject(*, user: "User", kind: str, subject_id: int) -> Subject:
    """Return what a thread may be about.

    Raises:
        NotFoundError: Nothing of that kind, or of strangers.
    """
    finder = _finders.get(kind)
    if finder is None:
        raise NotFoundError(
            _("threads are about: {kinds}").format(kinds=", ".join(sorted(_finders)))
        )
    return finder(user, subject_id)
