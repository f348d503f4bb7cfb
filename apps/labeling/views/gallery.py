"""A project's images: found, looked through, and acted on together."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.core.parsers import BadQueryError, number
from apps.labeling import selectors
from apps.labeling.models import Image, Project
from apps.labeling.selectors.workload import annotators_of
from apps.labeling.services import images as image_services
from apps.labeling.services import overlap, prelabels, reviewing, saved_views
from apps.labeling.types import ImageState, Split, Wanted
from apps.labeling.views.acting import attempt, rights_of
from apps.labeling.views.allocation import assign_chosen

PAGE = 36


@login_required
@require_GET
@ensure_csrf_cookie
def gallery(request: PageRequest, project_id: int) -> HttpResponse:
    found, role = selectors.access_as(user=request.user, project_id=project_id)
    allowed = rights_of(role)
    if request.htmx and "filters" in request.GET:
        return _filters(request, found, allowed)
    wanted = _wanted(request)
    listed: dict[str, Any] = {
        "project_id": project_id,
        "wanted": wanted,
        "is_for_annotators": not allowed["may_review"],
    }
    images = selectors.list_images(**listed)
    if go := request.GET.get("go", "").strip():
        return _jump(request, images, go)
    at = number(request.GET.get("at", "")) or 0
    first = max(at - 1, 0) // PAGE * PAGE
    context = {"project": found, **_page(images, first), **allowed}
    if request.htmx and at:
        return render(request, "labeling/gallery.html#cards", context)
    above = _above(request, project_id, wanted)
    is_all = wanted == Wanted() and allowed["may_review"]
    total = above["num_images"] if is_all else selectors.count_listed(**listed)
    if first >= total > 0:
        return redirect(_changed(request, at=total))
    context = {**context, **above, "at": at, "total": total, "page_size": PAGE}
    return render(request, "labeling/gallery.html", context)


def _page(images: QuerySet[Image], first: int) -> dict[str, object]:
    """The images from a place on, counted from 0, and where the lists around begin."""
    page = selectors.from_place(images, first, PAGE + 1)
    return {
        "images": page[:PAGE],
        "boxes": selectors.boxes_of(page[:PAGE]),
        "first": first,
        "earlier": max(first - PAGE, 0) + 1 if first else None,
        "later": first + PAGE + 1 if len(page) > PAGE else None,
    }


def _jump(request: PageRequest, images: QuerySet[Image], go: str) -> HttpResponse:
    """Lead to an image by its number in the list or by its name."""
    at = selectors.place_of(images, go)
    if at is not None:
        return redirect(_changed(request, at=at))
    reason = _(
        "No image in this list has that number or name: check the spelling, or take a "
        "filter away."
    )
    if request.htmx:
        return HttpResponse(reason, status=404, content_type="text/plain")
    messages.error(request, reason)
    return redirect(_changed(request, at=None))


def _changed(request: PageRequest, *, at: int | None) -> str:
    """The page's address with another place in it."""
    query = request.GET.copy()
    query.pop("go", None)
    query.pop("at", None)
    if at is not None:
        query["at"] = str(at)
    return f"{request.path}?{query.urlencode()}"


def _filters(
    request: PageRequest, project: Project, allowed: dict[str, bool]
) -> HttpResponse:
    """What one may choose among, fetched once the dialog opens."""
    people = (
        annotators_of(user=request.user, project=project)
        if allowed["may_review"]
        else []
    )
    context = {
        "wanted": _wanted(request),
        "labels": selectors.list_labels(project_id=project.pk),
        "people": people,
        "splits": list(Split),
        **allowed,
    }
    return render(request, "labeling/gallery.html#filters", context)


def _above(request: PageRequest, project_id: int, wanted: Wanted) -> dict[str, Any]:
    """What stands above the images: how many there are, and ways to choose among them."""
    counts = selectors.count_images(project_id=project_id)
    views = list(selectors.list_saved_views(user=request.user, project_id=project_id))
    here = selectors.written(wanted)
    more = [
        wanted.text, wanted.label, wanted.split, wanted.assignee, wanted.order,
        wanted.min_score if wanted.max_score is None else wanted.max_score,
    ]  # fmt: skip
    return {
        "wanted": wanted,
        "wanted_label": _name_of(wanted.label, project_id),
        "num_more": sum(one not in ("", None) for one in more),
        "views": views,
        "is_saved": any(view.query == here for view in views),
        "here": here,
        "states": counts.states,
        "reviews": counts.reviews,
        "num_images": counts.num_images,
    }


def _name_of(label: int | None, project_id: int) -> str:
    if label is None:
        return ""
    found = selectors.list_labels(project_id=project_id).filter(pk=label).first()
    return found.name if found else str(label)


def _wanted(request: PageRequest) -> Wanted:
    """What the address asks for; all images, and why, where it asks for nonsense."""
    query = request.GET.dict()
    if query.get("state") not in set(ImageState):
        query.pop("state", None)
    try:
        return selectors.read_wanted(query)
    except BadQueryError as error:
        messages.error(request, str(error))
        return Wanted()


@login_required
@require_POST
def act_on_views(request: PageRequest, project_id: int) -> HttpResponse:
    """Give what is shown a name, or forget one."""
    project = selectors.access_project(user=request.user, project_id=project_id)
    query = request.POST.get("query", "")
    match request.POST.get("action"):
        case "save":
            is_saved = attempt(
                request,
                lambda: saved_views.save_view(
                    user=request.user,
                    project_id=project.pk,
                    name=request.POST.get("name", ""),
                    query=QueryDict(query).dict(),
                    is_shared="is_shared" in request.POST,
                ),
            )
            if is_saved:
                messages.success(request, _("Saved."))
        case "delete":
            saved_views.delete_view(
                user=request.user,
                project_id=project.pk,
                view_id=number(request.POST.get("view", "")) or 0,
            )
            messages.success(request, _("The view is deleted; its images are not."))
    return redirect(_back_to(request, project_id))


@login_required
@require_POST
def act_on_images(request: PageRequest, project_id: int) -> HttpResponse:
    """Do one thing to the images chosen in the gallery."""
    selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.ANNOTATOR
    )
    given = [number(one) or 0 for one in request.POST.getlist("image")]
    images = selectors.list_images(project_id=project_id).filter(pk__in=given)
    ids = list(images.values_list("pk", flat=True))
    match request.POST.get("action"):
        case "submit":
            image_services.submit_images(
                user=request.user, project_id=project_id, image_ids=ids
            )
        case "reopen":
            image_services.reopen_images(
                user=request.user, project_id=project_id, image_ids=ids
            )
        case "accept":
            ids = reviewing.accept_images(
                user=request.user, project_id=project_id, image_ids=ids
            )
        case "truth" | "no_truth" as action:
            ids = overlap.mark_truths(
                user=request.user,
                project_id=project_id,
                image_ids=ids,
                is_truth=action == "truth",
            )
        case "assign":
            ids = assign_chosen(request, project_id, ids)
        case "delete":
            for image_id in ids:
                image_services.delete_image(user=request.user, image_id=image_id)
        case "prelabel":
            attempt(
                request,
                lambda: prelabels.start_prelabel(
                    user=request.user, project_id=project_id, image_ids=ids
                ),
            )
            return redirect("labeling:project", project_id)
    done = ngettext("%(num)s image changed.", "%(num)s images changed.", len(ids))
    messages.success(request, done % {"num": len(ids)})
    return redirect(_back_to(request, project_id))


def _back_to(request: PageRequest, project_id: int) -> str:
    query = request.POST.get("query", "")
    gallery_url = reverse("labeling:gallery", args=[project_id])
    return f"{gallery_url}?{query}" if query else gallery_url
