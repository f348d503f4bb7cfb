from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in, workspace_of
from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.jobs import selectors as jobs
from apps.labeling import selectors
from apps.labeling.forms import ProjectForm, SettingsForm
from apps.labeling.services import prelabels
from apps.labeling.services import projects as project_services
from apps.labeling.types import ImageState
from apps.marketplace.selectors import list_detectors

GALLERY_PAGE = 60


@login_required
@require_GET
def home(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    context = {
        "queue": selectors.my_queue(user=request.user, workspace_id=workspace.pk),
        "projects": selectors.list_projects(
            user=request.user, workspace_id=workspace.pk
        )[:6],
        "running": jobs.list_running(user=request.user, workspace_id=workspace.pk)[:6],
        "has_worker": jobs.has_worker(),
    }
    return render(request, "labeling/home.html", context)


@login_required
@require_GET
def projects(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    role = role_in(user=request.user, workspace_id=workspace.pk)
    context = {
        "projects": selectors.list_projects(
            user=request.user, workspace_id=workspace.pk
        ),
        "may_create": role is not None and role.allows(Role.MANAGER),
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
    states = selectors.count_states(project_id=project_id)
    role = role_in(user=request.user, workspace_id=found.workspace_id)
    context = {
        "project": found,
        "states": states,
        "num_images": sum(states.values()),
        "labels": selectors.list_labels(project_id=project_id),
        "detectors": list_detectors(user=request.user),
        "job": jobs.latest_job(
            user=request.user, kind=prelabels.KIND, params={"project_id": project_id}
        ),
        "has_worker": jobs.has_worker(),
        "may_manage": role is not None and role.allows(Role.MANAGER),
        "may_label": role is not None and role.allows(Role.ANNOTATOR),
    }
    return render(request, "labeling/project.html", context)


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
        return redirect("labeling:project", project_id)
    context = {
        "project": found,
        "form": form,
        "labels": selectors.list_labels(project_id=project_id),
    }
    return render(request, "labeling/settings.html", context)


@login_required
@require_GET
def gallery(request: PageRequest, project_id: int) -> HttpResponse:
    found = selectors.access_project(user=request.user, project_id=project_id)
    state, name = request.GET.get("state", ""), request.GET.get("name", "")
    after = request.GET.get("after", "")
    images = selectors.list_images(
        project_id=project_id,
        state=state if state in set(ImageState) else "",
        name=name,
    )
    if after.isdigit():
        images = images.filter(pk__gt=int(after))
    page = list(selectors.with_boxes(images)[: GALLERY_PAGE + 1])
    context = {
        "project": found,
        "images": page[:GALLERY_PAGE],
        "next_after": page[GALLERY_PAGE - 1].pk if len(page) > GALLERY_PAGE else None,
        "state": state,
        "name": name,
        "states": selectors.count_states(project_id=project_id),
    }
    part = "#cards" if request.htmx else ""
    return render(request, f"labeling/gallery.html{part}", context)


@login_required
@require_POST
def prelabel(request: PageRequest, project_id: int) -> HttpResponse:
    prelabels.start_prelabel(
        user=request.user, project_id=project_id, model=request.POST.get("model", "")
    )
    return redirect("labeling:project", project_id)


@login_required
@require_GET
def next_image(request: PageRequest, project_id: int) -> HttpResponse:
    """Open the next image that waits, or the gallery when none does."""
    selectors.access_project(user=request.user, project_id=project_id)
    image_id = selectors.next_to_label(project_id=project_id)
    if image_id is None:
        return redirect("labeling:gallery", project_id)
    return redirect("labeling:editor", image_id)


@login_required
@require_GET
@ensure_csrf_cookie
def editor(request: PageRequest, image_id: int) -> HttpResponse:
    image = selectors.access_image(user=request.user, image_id=image_id)
    context = {
        "image": image,
        "project": image.project,
        "editor_config": {
            "image_id": image.pk,
            "api": "/api/v1/labeling/",
            "csrf_cookie": "csrftoken",
            "translations": {},
        },
    }
    return render(request, "labeling/editor.html", context)
