from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.deployments import selectors
from apps.deployments.forms import SamplingForm
from apps.deployments.services import sampling as services
from apps.deployments.types import NewSampling
from apps.labeling.selectors import list_projects


@login_required
@require_http_methods(["GET", "POST"])
def sampling(request: PageRequest, endpoint_id: int) -> HttpResponse:
    """Which live pictures labelers get, and who agreed to that."""
    endpoint = selectors.access_endpoint(
        user=request.user, endpoint_id=endpoint_id, needs=Role.MANAGER
    )
    now = selectors.find_sampling(endpoint_id=endpoint_id)
    projects = list_projects(user=request.user, workspace_id=endpoint.workspace_id)
    form = SamplingForm(
        request.POST or None,
        projects=[(each.pk, each.name) for each in projects],
        initial=vars(now) if now else {},
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.start_sampling(
                user=request.user,
                endpoint_id=endpoint_id,
                wanted=NewSampling(**form.cleaned_data),
            )
        except DomainError as exc:
            form.add_error(None, str(exc))
        else:
            messages.success(request, _("From now on labelers get live pictures."))
            return redirect("deployments:sampling", endpoint_id)
    context = {
        "endpoint": endpoint,
        "sampling": now,
        "counts": selectors.count_samples(endpoint_id=endpoint_id),
        "form": form,
        "has_projects": bool(projects),
    }
    return render(request, "deployments/sampling.html", context)


@login_required
@require_POST
def stop_sampling(request: PageRequest, endpoint_id: int) -> HttpResponse:
    services.stop_sampling(user=request.user, endpoint_id=endpoint_id)
    messages.success(request, _("No live picture is kept any more."))
    return redirect("deployments:endpoint", endpoint_id)
