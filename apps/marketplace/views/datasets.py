"""Repositories of a dataset's files: a list of them, and one page each."""

from typing import Any

from django.conf import settings as site
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.marketplace.errors import BadCardError
from apps.marketplace.formats.cards import read_card, text_of
from apps.marketplace.formats.markdown import render as render_card
from apps.marketplace.models import AccessRequest, Model
from apps.marketplace.selectors import addressed_repository, scans
from apps.marketplace.selectors.searching import Wanted, fetch_page, search_models
from apps.marketplace.services.describing import LARGEST_CARD, read_text
from apps.marketplace.services.repositories import check_manages
from apps.marketplace.types import Kind
from apps.marketplace.views import MOST_FILES, carry_out, frame_of
from apps.marketplace.views.settings import access_form, change_access

PAGE = 30


@login_required
@require_GET
def datasets(request: PageRequest) -> HttpResponse:
    text = request.GET.get("q", "")
    wanted = Wanted(kind=Kind.DATASET, text=text)
    found = search_models(user=request.user, wanted=wanted)
    page = Paginator(found, PAGE).get_page(number(request.GET.get("page", "")) or 1)
    shown = slice((page.number - 1) * PAGE, page.number * PAGE)
    page.object_list = list(fetch_page(found[shown]))
    context = {
        "page": page,
        "q": text,
        "deleted": number(request.GET.get("deleted", "")),
    }
    return render(request, "marketplace/datasets.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def dataset(request: PageRequest, namespace: str, name: str) -> HttpResponse:
    """Show a repository of data; a POST does what its button says."""
    found = addressed_repository(
        user=request.user, namespace=namespace, name=name, kind=Kind.DATASET
    )
    action = request.POST.get("action", "")
    form = access_form(request, found, is_sent=action == "settings")
    if action == "settings":
        check_manages(request.user, found)
        if form.is_valid():
            change_access(request, found, form)
            return redirect("marketplace:dataset", namespace, name)
    elif request.method == "POST":
        carry_out(request, found)
        if action == "delete":
            return redirect(f"{reverse('marketplace:datasets')}?deleted={found.pk}")
        return redirect("marketplace:dataset", namespace, name)
    context = {**frame_of(request, found, found.head), **_contents(found), "form": form}
    asked = AccessRequest.objects.filter(model=found).select_related("user")
    context["requests"] = asked if context["may_manage"] else []
    context["days"] = site.DELETED_KEPT_DAYS
    return render(request, "marketplace/dataset.html", context)


def _contents(found: Model) -> dict[str, Any]:
    """Its card and its files at the head."""
    if found.head is None:
        return {}
    rows = list(found.head.files.select_related("since").order_by("path")[:MOST_FILES])
    told = scans.scans_of(rows)
    readme = next((row for row in rows if row.path == "README.md"), None)
    content = read_text(readme, LARGEST_CARD)
    context: dict[str, Any] = {"files": [(row, told[row.path]) for row in rows]}
    try:
        read_card(content)
    except BadCardError as exc:
        context["card_problem"] = str(exc)
    url = f"/{found.address}/resolve/{found.head.revision}/"
    context["card"] = render_card(text_of(content), files_url=url)
    return context
