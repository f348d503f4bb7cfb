"""Where images are labeled: the editor, and the wall of proposals."""

from dataclasses import asdict

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.labeling import selectors
from apps.labeling.errors import NoSuchMomentError
from apps.labeling.forms import RestoreForm
from apps.labeling.serializers.labels import LabelOut
from apps.labeling.services import allocating, restoring
from apps.labeling.services.calibration import calibrate
from apps.labeling.types import ShapeKind
from apps.labeling.views.acting import may, rights


@login_required
@require_GET
def next_image(request: PageRequest, project_id: int) -> HttpResponse:
    """Open the next image that waits, for a label or a review; else the gallery."""
    project = selectors.access_project(user=request.user, project_id=project_id)
    image_id = None
    if "review" in request.GET:
        image_id = selectors.next_to_review(project_id=project_id)
    elif may(request, project.workspace_id, Role.ANNOTATOR):
        image_id = allocating.take_next(user=request.user, project_id=project_id)
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
        **rights(request, project.workspace_id),
    }
    return render(request, "labeling/wall.html", context)


@login_required
@require_GET
@ensure_csrf_cookie
def editor(request: PageRequest, image_id: int) -> HttpResponse:
    try:
        image = selectors.access_image(user=request.user, image_id=image_id)
    except NotFoundError:
        copy_id = selectors.own_copy(user=request.user, image_id=image_id)
        if copy_id is None:
            raise
        return redirect("labeling:editor", copy_id)
    context = {
        "image": image,
        "project": image.project,
        "editor_config": {
            "image_id": image.pk,
            "api": "/api/v1/labeling/",
            "csrf_cookie": "csrftoken",
            "kinds": list(ShapeKind),
            "may_label": may(request, image.project.workspace_id, Role.ANNOTATOR),
            "may_review": may(request, image.project.workspace_id, Role.REVIEWER),
            "tiles": static("dist/tiles.js"),
            "translations": {},
        },
    }
    return render(request, "labeling/editor.html", context)


HISTORY_PAGE = 50


@login_required
@require_http_methods(["GET", "POST"])
def history(request: PageRequest, image_id: int) -> HttpResponse:
    """Who changed what of an image, when; and the way back to any of it."""
    image = selectors.access_image(user=request.user, image_id=image_id)
    if request.method == "POST":
        revision = number(request.POST.get("revision", "")) or 0
        try:
            restoring.restore_image(
                user=request.user, image_id=image_id, revision=revision
            )
            messages.success(request, _("Restored to revision %d.") % revision)
        except NoSuchMomentError as exc:
            messages.error(request, str(exc))
        return redirect("labeling:history", image_id)
    rows = selectors.list_history(image_id=image_id)
    before = number(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(revision__lt=before)
    page = list(rows[: HISTORY_PAGE + 1])
    names = dict(
        selectors.list_labels(project_id=image.project_id).values_list("pk", "name")
    )
    role = role_in(user=request.user, workspace_id=image.project.workspace_id)
    context = {
        "image": image,
        "project": image.project,
        "entries": [
            (row, restoring.summary(row, names=names)) for row in page[:HISTORY_PAGE]
        ],
        "next_before": page[HISTORY_PAGE].revision + 1
        if len(page) > HISTORY_PAGE
        else None,
        "may_label": role is not None and role.allows(Role.ANNOTATOR),
    }
    return render(request, "labeling/history.html", context)


@login_required
@require_POST
def restore(request: PageRequest, project_id: int) -> HttpResponse:
    """Bring a whole project back to a moment, given in the server's time zone."""
    selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.MANAGER
    )
    form = RestoreForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say the day and the time to go back to."))
        return redirect("labeling:settings", project_id)
    changed = restoring.restore_project(
        user=request.user, project_id=project_id, at=form.cleaned_data["at"]
    )
    done = ngettext("%(num)s image changed.", "%(num)s images changed.", changed)
    messages.success(request, done % {"num": changed})
    return redirect("labeling:settings", project_id)
