from datetime import date

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import list_members, workspace_of
from apps.accounts.types import Role
from apps.core.charts import Axis, Chart, Series
from apps.core.http import PageRequest
from apps.core.stages import stages_of
from apps.jobs import selectors as jobs
from apps.labeling import selectors
from apps.labeling.forms import (
    LabelForm,
    LabelSchemaForm,
    ProjectForm,
    SettingsForm,
    schema_texts,
)
from apps.labeling.services import prelabels
from apps.labeling.services import projects as project_services
from apps.labeling.views.acting import attempt, may, rights
from apps.marketplace.selectors import list_detectors
from apps.marketplace.types import Detector

NUM_ROWS_AT_HOME = 6


@login_required
@require_GET
def home(request: PageRequest) -> HttpResponse:
    user, workspace = request.user, workspace_of(request)
    recent = jobs.list_ended(user=user, workspace_id=workspace.pk)
    context = {
        "queue": selectors.my_queue(user=user, workspace_id=workspace.pk),
        "projects": selectors.list_projects(user=user, workspace_id=workspace.pk)[
            :NUM_ROWS_AT_HOME
        ],
        "running": jobs.list_running(user=user, workspace_id=workspace.pk)[
            :NUM_ROWS_AT_HOME
        ],
        "ended": recent[:NUM_ROWS_AT_HOME],
        "submissions": selectors.recent_submissions(
            user=user, workspace_id=workspace.pk
        ),
        "steps": selectors.first_steps(user=user, workspace_id=workspace.pk),
        "num_members": list_members(user=user, workspace_id=workspace.pk).count(),
        "may_manage": may(request, workspace.pk, Role.MANAGER),
        "has_worker": jobs.has_worker(),
        "pace": _pace(selectors.submitted_by_day(user=user, workspace_id=workspace.pk)),
    }
    return render(request, "labeling/home.html", context)


def _pace(num_by_day: dict[date, int]) -> Chart | None:
    """Images a day as bars; none where nobody submitted any."""
    if not any(num_by_day.values()):
        return None
    short = pgettext("day and month, in Django's date letters", "M j")
    days = [date_format(day, short) for day in num_by_day]
    images = Series(name=_("Images"), x=days, y=list(num_by_day.values()))
    return Chart(
        title=_("Submitted images a day"),
        kind="bar",
        x=Axis(label=_("Day"), scale="category"),
        y=Axis(label=_("Images")),
        series=[images],
    )


@login_required
@require_GET
def projects(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    context = {
        "projects": selectors.list_projects(
            user=request.user, workspace_id=workspace.pk
        ),
        "may_create": may(request, workspace.pk, Role.MANAGER),
    }
    return render(request, "labeling/projects.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new_project(request: PageRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = project_services.create_project(
            user=request.user,
            workspace_id=workspace_of(request).pk,
            name=form.cleaned_data["name"],
            labels=form.cleaned_data["labels"],
            guide=form.cleaned_data["guide"],
        )
        return redirect("labeling:project", project.pk)
    return render(request, "labeling/new_project.html", {"form": form})


@login_required
@require_GET
@ensure_csrf_cookie
def project(request: PageRequest, project_id: int) -> HttpResponse:
    found = selectors.access_project(user=request.user, project_id=project_id)
    counts = selectors.count_images(project_id=project_id)
    newest = selectors.list_images(project_id=project_id).reverse()[:NUM_ROWS_AT_HOME]
    rows = selectors.count_labels(project_id=project_id)
    context = {
        "project": found,
        "states": counts.states,
        "reviews": counts.reviews,
        "num_images": counts.num_images,
        "classes": rows,
        "stages": stages_of(user=request.user, project_id=project_id),
        "newest": newest,
        "boxes": selectors.boxes_of(newest),
        "members": list_members(user=request.user, workspace_id=found.workspace_id),
        "detectors": _detectors_for(request, classes=[row.label.name for row in rows]),
        "job": jobs.latest_job(
            user=request.user, kind=prelabels.KIND, params={"project_id": project_id}
        ),
        "has_worker": jobs.has_worker(),
        **rights(request, found.workspace_id),
    }
    return render(request, "labeling/project.html", context)


def _detectors_for(
    request: PageRequest, *, classes: list[str]
) -> list[tuple[Detector, list[str]]]:
    """The detectors that find something of these classes, and what; most first."""
    wanted = {name.lower() for name in classes}
    rows = [
        (detector, [name for name in detector.classes if name.lower() in wanted])
        for detector in list_detectors(user=request.user, with_masks=True)
    ]
    useful = [row for row in rows if row[1]]
    return sorted(useful, key=lambda row: -len(row[1]))


@login_required
@require_http_methods(["GET", "POST"])
def project_settings(request: PageRequest, project_id: int) -> HttpResponse:
    found = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.MANAGER
    )
    form = SettingsForm(
        request.POST or None, initial={"name": found.name, "guide": found.guide}
    )
    if request.method == "POST" and form.is_valid():
        project_services.update_project(
            user=request.user,
            project_id=project_id,
            name=form.cleaned_data["name"],
            guide=form.cleaned_data["guide"],
        )
        messages.success(request, _("Saved."))
        return redirect("labeling:settings", project_id)
    context = {
        "project": found,
        "form": form,
        "classes": selectors.count_labels(project_id=project_id),
    }
    return render(request, "labeling/settings.html", context)


@login_required
@require_POST
def add_label(request: PageRequest, project_id: int) -> HttpResponse:
    form = LabelForm(request.POST)
    if form.is_valid():
        attempt(
            request,
            lambda: project_services.add_label(
                user=request.user, project_id=project_id, **form.cleaned_data
            ),
        )
    else:
        messages.error(request, _("A label needs a name of at most 120 letters."))
    return redirect("labeling:settings", project_id)


@login_required
@require_POST
def update_label(request: PageRequest, project_id: int, label_id: int) -> HttpResponse:
    form = LabelForm(request.POST)
    if form.is_valid():
        is_done = attempt(
            request,
            lambda: project_services.update_label(
                user=request.user,
                project_id=project_id,
                label_id=label_id,
                **form.cleaned_data,
            ),
        )
        if is_done:
            messages.success(request, _("Saved."))
    else:
        messages.error(request, _("A label needs a name of at most 120 letters."))
    return redirect("labeling:settings", project_id)


@login_required
@require_http_methods(["GET", "POST"])
def label_schema(request: PageRequest, project_id: int, label_id: int) -> HttpResponse:
    """What annotators say of each object of a label, and its joints."""
    label = project_services.access_label(
        user=request.user, project_id=project_id, label_id=label_id
    )
    form = LabelSchemaForm(request.POST or None, initial=schema_texts(label))
    if request.method == "POST" and form.is_valid():
        project_services.update_label(
            user=request.user,
            project_id=project_id,
            label_id=label_id,
            **form.cleaned_data,
        )
        messages.success(request, _("Saved."))
        return redirect("labeling:settings", project_id)
    context = {"project": label.project, "label": label, "form": form}
    return render(request, "labeling/label_schema.html", context)


@login_required
@require_POST
def delete_label(request: PageRequest, project_id: int, label_id: int) -> HttpResponse:
    attempt(
        request,
        lambda: project_services.delete_label(
            user=request.user, project_id=project_id, label_id=label_id
        ),
    )
    return redirect("labeling:settings", project_id)


@login_required
@require_POST
def archive(request: PageRequest, project_id: int) -> HttpResponse:
    project_services.archive_project(user=request.user, project_id=project_id)
    messages.success(request, _("The project is archived."))
    return redirect("labeling:projects")


@login_required
@require_POST
def prelabel(request: PageRequest, project_id: int) -> HttpResponse:
    attempt(
        request,
        lambda: prelabels.start_prelabel(
            user=request.user,
            project_id=project_id,
            model=request.POST.get("model", ""),
        ),
    )
    return redirect("labeling:project", project_id)
