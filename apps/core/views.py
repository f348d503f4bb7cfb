from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.core.context import shell


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Say that the process answers and reaches its database; for supervisors."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    response = JsonResponse({"status": "ok"})
    # No later middleware says it, and probes of old keep-alive clients need it.
    response["Content-Length"] = str(len(response.content))
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _refusal(_("the request could not be read"), "bad_request", 400)
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _is_api(request):
        return _refusal(
            _("there is no {path}").format(path=request.path), "not_found", 404
        )
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer without the person or the database: either may be what broke."""
    if _is_api(request):
        return _refusal(_("the server failed: see its log"), "server_error", 500)
    page = render_to_string("500.html", shell(request))
    return HttpResponse(page, status=500)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _refusal(detail: str, code: str, status: int) -> JsonResponse:
    """Answer in the form of core.http.exception_handler."""
    return JsonResponse({"detail": detail, "code": code}, status=status)
