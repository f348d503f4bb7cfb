"""How far labels can be trusted, and copies of one image side by side."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.labeling import selectors
from apps.labeling.agreement.consensus import consensus
from apps.labeling.forms import HoneypotForm, OverlapForm
from apps.labeling.models import Project
from apps.labeling.selectors.comparing import compare as compared
from apps.labeling.selectors.comparing import list_copies, list_shared
from apps.labeling.selectors.quality import quality_of
from apps.labeling.services import merging, overlap
from apps.labeling.services.projects import update_project
from apps.labeling.views.acting import attempt, rights
from apps.labeling.views.advice import advise


@login_required
@require_GET
def quality(request: PageRequest, project_id: int) -> HttpResponse:
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.REVIEWER
    )
    found = quality_of(project_id=project_id)
    least = {one.image_id: one for one in found.least_alike}
    images = selectors.list_images(project_id=project_id).in_bulk(least)
    context = {
        "project": project,
        "quality": found,
        "advice": advise(found, project=project),
        "least_alike": [(images[pk], one) for pk, one in least.items()],
        "overlap_form": OverlapForm(auto_id="overlap-%s"),
        "honeypot_form": HoneypotForm(
            auto_id="honeypot-%s",
            initial={"honeypot_percent": project.honeypot_percent},
        ),
        **rights(request, project.workspace_id),
    }
    return render(request, "labeling/quality.html", context)


@login_required
@require_POST
def act(request: PageRequest, project_id: int) -> HttpResponse:
    """Merge, draw a sample, or say how many tests there are."""
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.REVIEWER
    )
    image_id = number(request.POST.get("image", ""))
    match request.POST.get("action"):
        case "merge":
            attempt(request, lambda: _merge(request, project_id, image_id))
        case "undo" if image_id is not None:
            attempt(
                request,
                lambda: merging.undo_merge(user=request.user, image_id=image_id),
            )
        case "overlap":
            _draw_sample(request, project)
        case "honeypots":
            _set_honeypots(request, project)
    if image_id is not None:
        return redirect("labeling:compare", image_id)
    return redirect("labeling:quality", project_id)


def _merge(request: PageRequest, project_id: int, image_id: int | None) -> None:
    ids = None if image_id is None else [image_id]
    merges = merging.merge_copies(
        user=request.user, project_id=project_id, image_ids=ids
    )
    done = ngettext("%(num)s image merged.", "%(num)s images merged.", len(merges))
    messages.success(request, done % {"num": len(merges)})


def _draw_sample(request: PageRequest, project: Project) -> None:
    form = OverlapForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say how many images and how many people."))
        return
    ids = overlap.sample_overlap(
        user=request.user, project_id=project.pk, **form.cleaned_data
    )
    done = ngettext(
        "%(num)s image is to be labeled by several people.",
        "%(num)s images are to be labeled by several people.",
        len(ids),
    )
    messages.success(request, done % {"num": len(ids)})


def _set_honeypots(request: PageRequest, project: Project) -> None:
    form = HoneypotForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("At most half of the images can be tests."))
        return
    update_project(user=request.user, project_id=project.pk, **form.cleaned_data)
    messages.success(request, _("Saved."))


@login_required
@require_GET
def compare(request: PageRequest, image_id: int) -> HttpResponse:
    """What several people drew on one image, and what most of them agree on."""
    image = selectors.access_image(
        user=request.user, image_id=image_id, needs=Role.REVIEWER
    )
    if image.copy_of_id is not None:
        return redirect("labeling:compare", image.copy_of_id)
    shared = next(
        iter(list_shared(project_id=image.project_id, image_ids=[image_id])), None
    )
    copies = list_copies(image_id=image_id)
    shown = "image-thumbnail" if image.is_tiled else "image-shown"
    context = {
        "picture_url": reverse(f"labeling-api:{shown}", args=[image_id]),
        "image": image,
        "project": image.project,
        "copies": copies,
        "boxes": selectors.boxes_of(copies),
        "compared": compared(shared) if shared else None,
        "consensus": consensus(shared.drawn) if shared else None,
        "merge": image.merges.filter(undone_at=None).last(),
        "labels": selectors.list_labels(project_id=image.project_id).in_bulk(),
        **rights(request, image.project.workspace_id),
    }
    return render(request, "labeling/compare.html", context)
