"""What a row of the permission tables says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apps.accounts.types import Role, Scope

World = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one method of one route takes and answers.

    Attributes:
        answer: Status for those who may.
        needs: The lowest role; lower members get 403, strangers 404.
        stranger: Status for somebody with a workspace of her own; None is 404.
        anonymous: Status for nobody; None is 401 on the API and 302 on pages.
        scope: What a token must include.
        body: JSON (API) or form (page) of a sound request, given the world.
        is_upload: The body is multipart.
        headers: Of a sound request.
    """

    answer: int = 200
    needs: Role = Role.VIEWER
    stranger: int | None = None
    anonymous: int | None = None
    scope: Scope = Scope.READ
    body: Callable[[World], dict[str, Any]] | None = None
    is_upload: bool = False
    headers: dict[str, str] = field(default_factory=dict)


def read(**changes: Any) -> Rule:
    return Rule(**changes)


def write(needs: Role, answer: int = 200, **changes: Any) -> Rule:
    return Rule(**{"needs": needs, "answer": answer, "scope": Scope.WRITE, **changes})


def admin(needs: Role, answer: int = 200, **changes: Any) -> Rule:
    return write(needs, answer, scope=Scope.ADMIN, **changes)


VIEWER, ANNOTATOR, REVIEWER, MANAGER, OWNER = (
    Role.VIEWER,
    Role.ANNOTATOR,
    Role.REVIEWER,
    Role.MANAGER,
    Role.OWNER,
)
OWN = {"stranger": 200}  # answers about the person's own things
OPEN = {"stranger": 200, "anonymous": 200}

Rules = dict[str, dict[str, Rule]]
