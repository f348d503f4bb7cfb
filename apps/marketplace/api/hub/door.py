"""How a request of a Hub client comes in, and how a refusal goes out."""

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from django.contrib.auth.models import AnonymousUser
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.selectors import token_of
from apps.accounts.services import touch_token
from apps.accounts.types import Scope
from apps.core.errors import DomainError, MovedError, TooLargeError
from apps.marketplace.errors import (
    BadCommitError,
    EntryNotFoundError,
    GatedError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from apps.marketplace.models import Model, ModelRevision
from apps.marketplace.selectors import addressed_repository, find_revision
from apps.marketplace.types import Kind

if TYPE_CHECKING:
    from apps.accounts.models import User

SAFE = frozenset({"GET", "HEAD"})
LARGEST_JSON = 8 * 1024 * 1024
PIECE = 1024 * 1024
# By this the clients tell a bad token from a repository that is hidden; they show what
# the body says beside it.
INVALID = "Invalid credentials in Authorization header"
# What the clients look for in X-Error-Code.
_CODES: dict[type[DomainError], str] = {
    RepositoryNotFoundError: "RepoNotFound",
    RevisionNotFoundError: "RevisionNotFound",
    EntryNotFoundError: "EntryNotFound",
    GatedError: "GatedRepo",
}
View = Callable[..., HttpResponseBase]


class HubRequest(HttpRequest):
    """A request that came through ``hub``.

    Attributes:
        user: Whose token it carries; a browser's session counts for reading only.
        scopes: What the token may; None without one.
    """

    user: "User | AnonymousUser"
    scopes: frozenset[str] | None


class BadTokenError(DomainError):
    code = "bad_token"
    status = 401


class DeadTokenError(BadTokenError):
    """The request carries a token, and that is none or not any more."""


class NotAllowedError(DomainError):
    code = "scope_too_narrow"
    status = 403


def hub(*, signs_in: bool = True, **views: View) -> View:
    """Make one view of a function for each method, named in small letters.

    A function whose ``reads`` attribute is set needs no more than a reading token.
    With ``signs_in`` off, the views look at the credentials themselves.
    """

    @csrf_exempt
    def answer(request: Any, **given: Any) -> HttpResponseBase:
        name = "get" if request.method == "HEAD" else str(request.method).lower()
        view = views.get(name)
        if view is None:
            allowed = sorted(one.upper() for one in views)
            return HttpResponse(status=405, headers={"Allow": ", ".join(allowed)})
        try:
            if signs_in:
                _sign_in(request)
            if request.method not in SAFE and not getattr(view, "reads", False):
                _check_may_write(request)
            return view(request, **_unquoted(given))
        except MovedError as exc:
            return _sent_on(request, exc) or refusal(exc, is_known=True)
        except DomainError as exc:
            return refusal(exc, is_known=request.user.is_authenticated)

    return answer


def reads(view: View) -> View:
    """Mark a POST that changes nothing."""

    @wraps(view)
    def same(*args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(*args, **kwargs)

    same.reads = True  # type: ignore[attr-defined]  # read by hub()
    return same


def _unquoted(given: dict[str, Any]) -> dict[str, Any]:
    """Undo the quoting that keeps ``exp/a`` one part of the address: ``exp%2Fa``."""
    return {
        key: unquote(value) if isinstance(value, str) and not isinstance(value, Kind)
        else value
        for key, value in given.items()
    }  # fmt: skip


def _sign_in(request: HubRequest) -> None:
    scheme, _between, secret = request.headers.get("Authorization", "").partition(" ")
    request.scopes = None
    if scheme.lower() == "bearer":
        token = token_of(secret.strip())
        if token is None or not token.is_live or not token.user.is_active:
            request.user = AnonymousUser()
            raise DeadTokenError(
                _("this token is not known: copy it again, or make a new one")
                if token is None
                else _(
                    "this token has expired or was revoked: make a new one in Settings"
                )
            )
        touch_token(token)
        request.user, request.scopes = token.user, frozenset(token.scopes)
    elif request.method not in SAFE:
        # A page of another site could send a browser's session along.
        request.user = AnonymousUser()


def _check_may_write(request: HubRequest) -> None:
    if request.scopes is None:
        raise BadTokenError(_("this needs a token: make one under Settings, Tokens"))
    if Scope.WRITE not in request.scopes:
        raise NotAllowedError(
            _("this token only reads: make one with the scope 'read and write'")
        )


def _sent_on(request: HttpRequest, exc: MovedError) -> HttpResponse | None:
    """Repeat the request where the repository lives now, if its address names it.

    The address is relative: clients follow that one alone while they look for a file,
    since any other could be the blob store's.
    """
    path = exc.new_path(request.path)
    if not path:
        return None
    # The path holds %2F and %25 as they came (dsportal.handover), and all else plain.
    where = escape_uri_path(path).replace("%25", "%")
    if query := request.META.get("QUERY_STRING", ""):
        where += f"?{query}"
    return HttpResponseRedirect(where, preserve_request=True)


def refusal(exc: DomainError, *, is_known: bool) -> HttpResponse:
    """Answer in the form that the clients turn into their own errors."""
    code = next((name for kind, name in _CODES.items() if isinstance(exc, kind)), "")
    is_hidden = isinstance(exc, RepositoryNotFoundError) and not is_known
    status = 401 if is_hidden else exc.status
    body = {"error": str(exc), "code": exc.code}
    response = JsonResponse(body, status=status)
    said = INVALID if isinstance(exc, DeadTokenError) else str(exc)
    response["X-Error-Message"] = " ".join(
        said.encode("ascii", "replace").decode().split()
    )
    if code:
        response["X-Error-Code"] = code
    if isinstance(exc, EntryNotFoundError):
        response["X-Repo-Commit"] = exc.revision
    return response


def person(request: HubRequest) -> "User":
    """Return who asks.

    Raises:
        BadTokenError: Nobody in particular.
    """
    if isinstance(request.user, AnonymousUser):
        raise BadTokenError(_("this needs a token: make one under Settings, Tokens"))
    return request.user


def repository(request: HubRequest, kind: Kind, namespace: str, name: str) -> Model:
    return addressed_repository(
        user=request.user, namespace=namespace, name=name, kind=kind
    )


def revision_of(model: Model, name: str) -> ModelRevision:
    """Return a revision by branch, tag or commit.

    Raises:
        RevisionNotFoundError: There is none.
    """
    found = find_revision(model, name)
    if found is None:
        raise RevisionNotFoundError(
            _("{full_name} has no branch, tag or commit {name}").format(
                full_name=model.full_name, name=repr(name[:80])
            )
        )
    return found


def pieces(request: HttpRequest) -> Iterator[bytes]:
    """Read the body as it comes, also one of unknown length."""
    is_chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    source = request.META["wsgi.input"] if is_chunked else request
    while piece := source.read(PIECE):
        yield piece


def body_json(request: HttpRequest) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        BadCommitError: It is none.
        TooLargeError: It is not small.
    """
    data = bytearray()
    for piece in pieces(request):
        data += piece
        if len(data) > LARGEST_JSON:
            raise TooLargeError(
                _("a JSON body has at most {largest} bytes").format(
                    largest=LARGEST_JSON
                )
            )
    try:
        given = json.loads(bytes(data) or b"{}")
    except (ValueError, RecursionError) as exc:
        raise BadCommitError(_("the body is not JSON")) from exc
    if not isinstance(given, dict):
        raise BadCommitError(_("the body must be a JSON object"))
    return given


def endpoint(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def address(request: HttpRequest, model: Model) -> str:
    """Return where a repository lives, as the clients spell it."""
    return f"{endpoint(request)}/{model.address}"
