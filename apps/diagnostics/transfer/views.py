from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.selectors import workspace_of
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.diagnostics.transfer import selectors, services
from apps.diagnostics.transfer.forms import SearchForm
from apps.jobs.selectors import has_worker
from apps.labeling.selectors import list_dataset_versions

NUM_SHOWN = 12


@login_required
@require_http_methods(["GET", "POST"])
def searches(request: PageRequest) -> HttpResponse:
    """Where a search by somebody's own images begins, and those there were.

    A project's gallery sends what was ticked there; how it is searched is asked here.
    """
    workspace = workspace_of(request)
    versions = list_dataset_versions(
        user=request.user,
        workspace_id=workspace.pk,
        project_id=number(request.GET.get("project", "")),
    )
    ticked = request.POST.getlist("image")
    form = SearchForm(
        request.POST if request.method == "POST" and not ticked else None,
        versions=versions,
        initial={"version": request.GET.get("version", ""), "images": ",".join(ticked)},
    )
    if form.is_valid():
        try:
            made = services.start_search(user=request.user, new=form.wanted())
        except DomainError as exc:
            form.add_error(None, str(exc))
        else:
            return redirect("by-images:search", made.pk)
    earlier = selectors.list_searches(user=request.user).filter(workspace=workspace)
    context = {
        "form": form,
        "has_data": bool(versions),
        "has_worker": has_worker(),
        "searches": earlier[:NUM_SHOWN],
    }
    return render(request, "diagnostics/transfers.html", context)


@login_required
@require_GET
def search(request: PageRequest, search_id: int) -> HttpResponse:
    """The models in their order, as far as they are measured."""
    found = selectors.access_search(user=request.user, search_id=search_id)
    context = {
        "search": found,
        "found": selectors.found_by(user=request.user, search=found),
        "has_worker": has_worker(),
    }
    template = "diagnostics/transfer.html" + ("#found" if request.htmx else "")
    return render(request, template, context)
