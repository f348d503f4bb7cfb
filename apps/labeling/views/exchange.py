from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.jobs import selectors as jobs
from apps.labeling import selectors
from apps.labeling.forms import ExportForm, ImportForm
from apps.labeling.services import exporting, importing
from apps.labeling.views.acting import attempt, rights


@login_required
@require_GET
def data(request: PageRequest, project_id: int) -> HttpResponse:
    """Import and export, with what the last of each did."""
    project = selectors.access_project(user=request.user, project_id=project_id)
    of_project = {"project_id": project_id}
    context = {
        "project": project,
        "export_form": ExportForm(auto_id="export-%s"),
        "import_form": ImportForm(auto_id="import-%s"),
        "exported": jobs.latest_job(
            user=request.user, kind=exporting.KIND, params=of_project
        ),
        "imported": jobs.latest_job(
            user=request.user, kind=importing.KIND, params=of_project
        ),
        "has_worker": jobs.has_worker(),
        **rights(request, project.workspace_id),
    }
    return render(request, "labeling/data.html", context)


@login_required
@require_POST
def export(request: PageRequest, project_id: int) -> HttpResponse:
    form = ExportForm(request.POST)
    selectors.access_project(user=request.user, project_id=project_id)
    if form.is_valid():
        exporting.start_export(
            user=request.user, project_id=project_id, **form.cleaned_data
        )
    return redirect("labeling:data", project_id)


@login_required
@require_POST
def import_file(request: PageRequest, project_id: int) -> HttpResponse:
    """Queue a dry run: nothing changes before its result is confirmed."""
    selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.MANAGER
    )
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _("Choose a file and its format."))
        return redirect("labeling:data", project_id)
    file = form.cleaned_data["file"]
    attempt(
        request,
        lambda: importing.start_import(
            user=request.user,
            project_id=project_id,
            file=file.file,
            name=file.name,
            form=form.cleaned_data["form"],
            is_dry_run=True,
            is_replacing=form.cleaned_data["is_replacing"],
        ),
    )
    return redirect("labeling:data", project_id)


@login_required
@require_POST
def apply(request: PageRequest, project_id: int, import_id: UUID) -> HttpResponse:
    selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.MANAGER
    )
    importing.apply_import(user=request.user, job_id=import_id)
    return redirect("labeling:data", project_id)
