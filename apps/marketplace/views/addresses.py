"""From the addresses that Hub clients print to the pages that show the same."""

from urllib.parse import unquote, urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET


@require_GET
def repository(_request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    return redirect("marketplace:model", namespace, name)


@require_GET
def commit(
    _request: HttpRequest, namespace: str, name: str, revision: str
) -> HttpResponse:
    page = reverse("marketplace:revisions", args=[namespace, name])
    return redirect(f"{page}?{urlencode({'show': unquote(revision)})}")


@require_GET
def files(
    _request: HttpRequest, namespace: str, name: str, revision: str, path: str = ""
) -> HttpResponse:
    """Show a revision's files; a path of one is looked for there."""
    del path
    page = reverse("marketplace:files", args=[namespace, name])
    return redirect(f"{page}?{urlencode({'revision': unquote(revision)})}")


@require_GET
def dataset(
    _request: HttpRequest, namespace: str, name: str, **_within: str
) -> HttpResponse:
    """Show a repository of data, whatever of it was named."""
    return redirect("marketplace:dataset", namespace, name)


@require_GET
def discussions(_request: HttpRequest, namespace: str, name: str) -> HttpResponse:
    return redirect("marketplace:feedback", namespace, name)
