from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods

from apps.accounts.selectors import check_role, role_in, workspace_of
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.jobs.selectors import has_worker
from apps.marketplace.catalogue import selectors
from apps.marketplace.catalogue.formats.entries import (
    UNKNOWN,
    Sought,
    count,
    made_from,
    search,
)
from apps.marketplace.catalogue.forms import FetchForm
from apps.marketplace.catalogue.models import Fetch, Mirror
from apps.marketplace.catalogue.services import fetching
from apps.marketplace.catalogue.services.upstream import upstream_url
from apps.marketplace.catalogue.types import OWN_LIBRARY, Entry
from apps.marketplace.views import SIZES

PAGE, VALUES = 50, 12
TITLES = {
    "task": _lazy("Task"),
    "library": _lazy("Library"),
    "licence": _lazy("Licence"),
    "family": _lazy("Family"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry, and how it stands here.

    Attributes:
        here: Address of the model here; "" while there is none.
    """

    entry: Entry
    here: str = ""
    mirror: Mirror | None = None
    fetch: Fetch | None = None

    @property
    def is_own(self) -> bool:
        return self.entry.library == OWN_LIBRARY


@login_required
@require_http_methods(["GET", "POST"])
def catalogue(request: PageRequest) -> HttpResponse:
    """List what can be fetched; a POST fetches."""
    workspace = workspace_of(request)
    form = FetchForm(request.POST or None, initial=request.GET.dict())
    if request.method == "POST":
        role = role_in(user=request.user, workspace_id=workspace.pk)
        check_role(role or Role.VIEWER, Role.MANAGER)
        if form.is_valid():
            try:
                return _fetch(request, workspace.pk, form)
            except DomainError as exc:
                form.add_error(None, str(exc))
    template = "marketplace/catalogue.html" + ("#found" if request.htmx else "")
    status = 400 if form.errors else 200
    context = {**_found(request, workspace.pk), "form": form}
    return render(request, template, context, status=status)


def _fetch(request: PageRequest, workspace_id: int, form: FetchForm) -> HttpResponse:
    asked = fetching.fetch_model(
        user=request.user, workspace_id=workspace_id, **form.cleaned_data
    )
    if asked.fetch is not None:
        return redirect("jobs:job", asked.fetch.job_id)
    assert asked.mirror is not None, "one of the two is there"
    model = asked.mirror.model
    messages.success(
        request,
        _("{source} is here already, as it is there: nothing had to be moved.").format(
            source=asked.mirror.source
        ),
    )
    return redirect("marketplace:model", model.namespace.name, model.name)


def _found(request: PageRequest, workspace_id: int) -> dict[str, Any]:
    given = request.GET
    chosen = {name: given.get(name, "") for name in TITLES}
    least, most = SIZES.get(given.get("size", ""), (None, None))
    sought = Sought(
        text=given.get("q", ""),
        **chosen,
        least_parameters=least,
        most_parameters=most,
    )
    found = search(sought)
    page = Paginator(found, PAGE).get_page(number(given.get("page", "")) or 1)
    role = role_in(user=request.user, workspace_id=workspace_id)
    return {
        "page": page,
        "rows": _rows(list(page), workspace_id),
        "facets": _facets(found, chosen),
        "q": sought.text,
        "size": given.get("size", ""),
        "is_narrowed": any(chosen.values()) or bool(sought.text or given.get("size")),
        "moved": selectors.list_moved(workspace_id=workspace_id),
        "under_way": selectors.under_way(workspace_id=workspace_id),
        "may_fetch": role is not None and role.allows(Role.MANAGER),
        "upstream": upstream_url(),
        "made_from": made_from(),
        "has_worker": has_worker(queue="io"),
    }


def _rows(found: Sequence[Entry], workspace_id: int) -> list[Row]:
    mirrors = selectors.mirrors_of(
        workspace_id=workspace_id, sources=[entry.source for entry in found]
    )
    fetches = {
        row.source: row for row in selectors.under_way(workspace_id=workspace_id)
    }
    ships = selectors.shipped(entries=found)
    rows = []
    for entry in found:
        mirror = mirrors.get(entry.source)
        here = mirror.model.full_name if mirror else ""
        rows.append(
            Row(
                entry=entry,
                here=entry.source if entry.source in ships else here,
                mirror=mirror,
                fetch=fetches.get(entry.source),
            )
        )
    return rows


def _facets(found: list[Entry], chosen: dict[str, str]) -> list[dict[str, Any]]:
    """Values of each facet, the commonest first; one value alone narrows nothing."""
    facets = []
    for name, counted in count(found).items():
        values = [
            {
                "value": value,
                "text": _("not said") if value == UNKNOWN else value,
                "num": num,
                "is_chosen": value == chosen[name],
            }
            for value, num in counted[:VALUES]
        ]
        if len(values) > 1 or chosen[name]:
            facets.append({"name": name, "title": TITLES[name], "values": values})
    return facets
