"""What every HTTP view shares."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails
from rest_framework.exceptions import NotFound
from rest_framework.pagination import CursorPagination
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_exception_handler

from apps.core.errors import (
    ConflictError,
    DomainError,
    KeyReusedError,
    MovedError,
    TooLargeError,
)
from apps.core.models import AnsweredRequest
from apps.core.parsers import StorableJSONParser, number

if TYPE_CHECKING:
    from apps.accounts.models import User


LONGEST_KEY = 64
FORM_BYTES = 1024 * 1024  # what a form adds to the file that it carries


class ApiRequest(Request):
    """An API request; IsAuthenticated has run, so its user is real."""

    user: "User"


class PageRequest(HttpRequest):
    """A page request behind login_required."""

    user: "User"
    htmx: HtmxDetails


class NewestFirst(CursorPagination):
    """Pages that stay right while rows are added; ``?cursor=`` and ``?page_size=``."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering: str | tuple[str, ...] = "-pk"

    def paginate_queryset(self, *args: Any, **kwargs: Any) -> list[Any] | None:
        try:
            return super().paginate_queryset(*args, **kwargs)
        except (ValueError, ValidationError) as exc:
            raise NotFound(self.invalid_cursor_message) from exc


class BadKeyError(DomainError):
    code = "bad_idempotency_key"


# No docstring: it would describe each operation of the OpenAPI schema.
class Api(APIView):
    pagination_class: type[NewestFirst] | None = NewestFirst
    parser_classes: Sequence[type[BaseParser]] = [StorableJSONParser]
    # False where the service itself keeps keys, and does nothing twice.
    keeps_answers = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Carry out a POST that has an ``Idempotency-Key`` once.

        The key is inserted in the same transaction as the work, so a repeat waits for
        the first and is given the first's answer. A refused request leaves no key.
        """
        if not self.keeps_answers or not _key_of(request):
            return super().dispatch(request, *args, **kwargs)
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)
            if getattr(response, "status_code", 500) >= 300:
                transaction.set_rollback(True)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        _check_length(request)
        super().initial(request, *args, **kwargs)
        key = _key_of(request)
        if not key or not request.user.is_authenticated:
            return
        if not re.fullmatch(rf"[!-~]{{1,{LONGEST_KEY}}}", key):
            raise BadKeyError(
                _(
                    "Idempotency-Key must be 1 to {most} "
                    "printable ASCII characters without spaces, such as"
                    " a UUID"
                ).format(most=LONGEST_KEY)
            )
        if self.keeps_answers:
            self._claim(request, key)

    def _claim(self, request: Any, key: str) -> None:
        """Take the key for this request, or give what it was answered before."""
        fingerprint = _fingerprint(request)
        asked = AnsweredRequest(user=request.user, key=key, fingerprint=fingerprint)
        AnsweredRequest.objects.bulk_create([asked], ignore_conflicts=True)
        answered = AnsweredRequest.objects.get(user=request.user, key=key)
        self.answered = answered
        if answered.status == 0:  # only this transaction sees one without an answer
            return
        if answered.fingerprint != fingerprint:
            raise KeyReusedError
        raise ReplayError(answered)

    def finalize_response(
        self, request: Any, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        answered: AnsweredRequest | None = getattr(self, "answered", None)
        if answered and answered.status == 0 and response.status_code < 300:
            answered.status = response.status_code
            answered.body = json.loads(json.dumps(response.data, default=str))
            answered.save(update_fields=["status", "body"])
        return super().finalize_response(request, response, *args, **kwargs)

    def paginate(self, request: Request, rows: Any, out: Any) -> Response:
        """Answer one cursor page of a queryset through an output serializer class."""
        assert self.pagination_class is not None, "this view answers whole lists"
        pager = self.pagination_class()
        page: list[Any] | None = pager.paginate_queryset(rows, request, view=self)
        return pager.get_paginated_response(out(page, many=True).data)


class ReplayError(DomainError):
    """The answer to this request is known already; not an error to the caller."""

    def __init__(self, answered: AnsweredRequest) -> None:
        super().__init__("already answered")
        self.answered = answered


def _key_of(request: Request) -> str:
    """What names a POST; empty where nothing does."""
    return (
        request.headers.get("Idempotency-Key", "") if request.method == "POST" else ""
    )


def _check_length(request: Request) -> None:
    """Refuse a body that no view takes before a byte of it is read."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > settings.MAX_UPLOAD_BYTES + FORM_BYTES:
        raise TooLargeError(
            _("{size} MiB is more than the {limit} MiB allowed").format(
                size=format(length / 2**20, ".0f"),
                limit=settings.MAX_UPLOAD_BYTES // 2**20,
            )
        )


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(request.get_full_path().encode())
    fields: Any = request.data
    if request.FILES:
        fields = {name: fields[name] for name in fields if name not in request.FILES}
        for name, files in sorted(request.FILES.lists()):
            for file in files:
                digest.update(f"{name}:{file.name}:{file.size}".encode())
                for chunk in file.chunks():
                    digest.update(chunk)
                file.seek(0)
    digest.update(json.dumps(fields, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer in one form: ``{"detail": ..., "code": ...}`` and, for forms, "fields"."""
    if isinstance(exc, ReplayError):
        return Response(
            exc.answered.body,
            status=exc.answered.status,
            headers={"Idempotency-Replayed": "true"},
        )
    if isinstance(exc, RequestDataTooBig):
        exc = TooLargeError(str(exc))
    if isinstance(exc, MovedError) and (url := sent_on(context["request"], exc)):
        return Response(status=307, headers={"Location": url})
    if isinstance(exc, DomainError):
        body = {"detail": str(exc), "code": exc.code, **exc.extra}
        return Response(body, status=exc.status)
    response = drf_exception_handler(exc, context)
    if response is not None:
        response.data = _same_form(response.data, exc)
    return response


def sent_on(request: HttpRequest | Request, exc: MovedError) -> str:
    """Return where to repeat a request for what has moved; "" where nobody can say."""
    path, query = exc.new_path(request.path), request.META.get("QUERY_STRING", "")
    return escape_uri_path(path) + (f"?{query}" if path and query else "")


def _same_form(data: Any, exc: Exception) -> dict[str, Any]:
    code = getattr(exc, "default_code", "error")
    if isinstance(data, dict) and set(data) == {"detail"}:
        code = getattr(data["detail"], "code", code)
        return {"detail": data["detail"], "code": code}
    return {
        "detail": _("some fields are not valid"),
        "code": "invalid",
        "fields": data if isinstance(data, dict) else {"non_field_errors": data},
    }


def if_match(request: Request) -> int:
    """Read the revision that the client last saw.

    Raises:
        ConflictError: There is no If-Match header, or it holds no number.
    """
    revision = number(request.headers.get("If-Match", "").strip('W/"'))
    if revision is None:
        raise ConflictError(
            _('send the revision you last saw as If-Match: "7"'), needs="If-Match"
        )
    return revision
