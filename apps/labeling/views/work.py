"""Where images are labeled: the editor, and the wall of proposals."""

from dataclasses import asdict

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET

from apps.accounts.selectors import role_in
from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.labeling import selectors
from apps.labeling.serializers import LabelOut
from apps.labeling.services.calibration import calibrate
from apps.labeling.types import ShapeKind


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
def wall(request: PageRequest, project_id: int) -> HttpResponse:
    """Proposals of a whole project, as pages of crops of one class after another."""
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.ANNOTATOR
    )
    role = role_in(user=request.user, workspace_id=project.workspace_id)
    labels = selectors.list_labels(project_id=project_id)
    context = {
        "project": project,
        "wall_config": {
            "api": f"/api/v1/labeling/projects/{project_id}/",
            "csrf_cookie": "csrftoken",
            "editor": reverse("labeling:editor", args=[0]),
            "labels": LabelOut(labels, many=True).data,
            "scores": selectors.count_open_proposals(project_id=project_id),
            "calibration": asdict(calibrate(project_id=project_id)),
        },
        "may_label": True,
        "may_manage": role is not None and role.allows(Role.MANAGER),
    }
    return render(request, "labeling/wall.html", context)


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
            "kinds": list(ShapeKind),
            "translations": {},
        },
    }
    return render(request, "labeling/editor.html", context)
