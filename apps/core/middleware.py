from collections.abc import Callable
from functools import lru_cache
from typing import ClassVar

from csp.constants import HEADER, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.core.exceptions import BadRequest
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from apps.core.errors import DomainError, MovedError
from apps.core.http import sent_on
from apps.core.views import health


class HealthMiddleware:
    """Answers probes first: they call by address and without TLS, whatever we insist on."""

    PATH = "/healthz"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path == self.PATH:
            return health(request)
        return self.get_response(request)


class PolicyMiddleware(CSPMiddleware):
    """django-csp, which writes the policy of an answer without a nonce only once.

    Those are the answers to programs; writing it was a fifteenth of what they cost.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page or any(name.startswith("_csp") for name in vars(response)):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, _plain_policy())
        return response


@lru_cache(maxsize=1)
def _plain_policy() -> str:
    return build_policy()


class HeadMiddleware:
    """HEAD is GET without a body: the server leaves that out, views need not know."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD" or request.path.startswith("/api/"):
            return self.get_response(request)  # the API framework does so itself
        request.method = "GET"
        response = self.get_response(request)
        request.method = "HEAD"
        return response


class PartOfPageMiddleware:
    """Keeps a browser from showing a part of a page as the page, on the way back.

    An address that htmx puts into the history answers with the page or with a part.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["HX-Request"])
        return response


class DomainErrorMiddleware:
    """A page's answer to a rule that said no; the API has its own handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "%00" in request.META["QUERY_STRING"]:
            # PostgreSQL holds no U+0000: whatever looked for it would fail there.
            raise BadRequest("U+0000 in the query")
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        if isinstance(exception, MovedError) and (url := sent_on(request, exception)):
            return HttpResponseRedirect(url, preserve_request=True)
        context = {"message": str(exception), "code": exception.code}
        template = "404.html" if exception.status == 404 else "refused.html"
        return render(request, template, context, status=exception.status)


class AdminPolicyMiddleware:
    """The admin theme evaluates expressions in attributes; staff pages alone allow it.

    Scripts still come from this host only, and none is inline (docs/decisions/005).
    """

    PREFIX = "/admin/"
    POLICY: ClassVar[dict[str, list[str]]] = {
        "script-src": [UNSAFE_EVAL],
        "style-src-attr": [UNSAFE_INLINE],
        "style-src-elem": [SELF, UNSAFE_INLINE],
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.path.startswith(self.PREFIX):
            response._csp_update = self.POLICY  # type: ignore[attr-defined]  # noqa: SLF001 -- django-csp's own door
        return response
