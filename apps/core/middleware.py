from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from apps.core.errors import DomainError


class DomainErrorMiddleware:
    """A page's answer to a rule that said no; the API has its own handler."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        if not isinstance(exception, DomainError):
            return None
        context = {"message": str(exception), "code": exception.code}
        template = "404.html" if exception.status == 404 else "refused.html"
        return render(request, template, context, status=exception.status)
