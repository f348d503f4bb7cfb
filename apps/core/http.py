"""What every HTTP view shares."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.views import exception_handler as drf_exception_handler

from apps.core.errors import ConflictError, DomainError
from apps.core.models import AnsweredRequest

if TYPE_CHECKING:
    from apps.accounts.models import User


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
    ordering = "-pk"


class KeyReusedError(DomainError):
    code = "idempotency_key_reused"
    status = 422


class Api(APIView):
    """The base of every API view.

    A POST that carries ``Idempotency-Key`` is carried out once: the key is inserted in
    the same transaction as the work, so a repeat waits for the first and is given the
    first's answer. A refused request leaves no key behind.
    """

    pagination_class = NewestFirst

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key:
            return super().dispatch(request, *args, **kwargs)
        with transaction.atomic():
            response = super().dispatch(request, *args, **kwargs)
            if getattr(response, "status_code", 500) >= 400:
                transaction.set_rollback(True)
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key or not request.user.is_authenticated:
            return
        answered, is_new = AnsweredRequest.objects.get_or_create(
            user=request.user,
            key=key[:200],
            defaults={"fingerprint": _fingerprint(request)},
        )
        self.answered = answered
        if is_new:
            return
        if answered.fingerprint != _fingerprint(request):
            raise KeyReusedError("this Idempotency-Key was used for another request")
        raise ReplayError(answered)

    def finalize_response(
        self, request: Any, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        answered: AnsweredRequest | None = getattr(self, "answered", None)
        if answered and answered.status == 0 and response.status_code < 400:
            answered.status = response.status_code
            answered.body = json.loads(json.dumps(response.data, default=str))
            answered.save(update_fields=["status", "body"])
        return super().finalize_response(request, response, *args, **kwargs)

    def paginate(self, request: Request, rows: Any, out: Any) -> Response:
        """Answer one cursor page of a queryset through an output serializer class."""
        pager = self.pagination_class()
        page: list[Any] | None = pager.paginate_queryset(rows, request, view=self)
        return pager.get_paginated_response(out(page, many=True).data)


class ReplayError(DomainError):
    """The answer to this request is known already; not an error to the caller."""

    def __init__(self, answered: AnsweredRequest) -> None:
        super().__init__("already answered")
        self.answered = answered


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(request.get_full_path().encode())
    for name, file in sorted(request.FILES.items()):
        digest.update(f"{name}:{file.name}:{file.size}".encode())
    if not request.FILES:
        digest.update(json.dumps(request.data, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer in one form: ``{"detail": ..., "code": ...}`` and, for forms, "fields"."""
    if isinstance(exc, ReplayError):
        return Response(
            exc.answered.body,
            status=exc.answered.status,
            headers={"Idempotency-Replayed": "true"},
        )
    if isinstance(exc, DomainError):
        body = {"detail": str(exc), "code": exc.code, **exc.extra}
        return Response(body, status=exc.status)
    response = drf_exception_handler(exc, context)
    if response is not None:
        response.data = _same_form(response.data, exc)
    return response


def _same_form(data: Any, exc: Exception) -> dict[str, Any]:
    code = getattr(exc, "default_code", "error")
    if isinstance(data, dict) and set(data) == {"detail"}:
        code = getattr(data["detail"], "code", code)
        return {"detail": data["detail"], "code": code}
    return {
        "detail": "some fields are not valid",
        "code": "invalid",
        "fields": data if isinstance(data, dict) else {"non_field_errors": data},
    }


def if_match(request: Request) -> int:
    """Read the revision that the client last saw.

    Raises:
        ConflictError: There is no If-Match header, or it holds no number.
    """
    value = request.headers.get("If-Match", "").strip('W/"')
    if not value.isdigit():
        raise ConflictError(
            'send the revision you last saw as If-Match: "7"', needs="If-Match"
        )
    return int(value)
