from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.files import blob_response
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.labeling import selectors
from apps.labeling.forms import VersionForm
from apps.labeling.models import DatasetVersion
from apps.labeling.selectors.differences import diff_versions
from apps.labeling.selectors.versions import (
    access_version,
    pictures_of,
    version_before,
    versions_of,
)
from apps.labeling.services.restoring_versions import restore_version
from apps.labeling.services.versions import make_version
from apps.labeling.types import Shares
from apps.labeling.views.acting import attempt, may, rights


@login_required
@require_http_methods(["GET", "POST"])
def versions(request: PageRequest, project_id: int) -> HttpResponse:
    """The timeline of a project's versions, and the form that makes one."""
    project = selectors.access_project(user=request.user, project_id=project_id)
    rows = list(versions_of(project_id=project_id))
    shares = rows[0].shares if rows else {"train": Shares().train, "val": Shares().val}
    form = VersionForm(request.POST or None, initial=shares)
    if request.method == "POST" and form.is_valid():
        is_done = attempt(request, lambda: _make(request, project_id, form, rows))
        if is_done:
            return redirect("labeling:versions", project_id)
    counts = selectors.count_images(project_id=project_id)
    context = {
        "project": project,
        "versions": rows,
        "form": form,
        "num_images": counts.num_images,
        "num_submitted": counts.states["submitted"],
        **rights(request, project.workspace_id),
    }
    return render(request, "labeling/versions.html", context)


def _make(
    request: PageRequest, project_id: int, form: VersionForm, rows: list[DatasetVersion]
) -> None:
    made = make_version(
        user=request.user,
        project_id=project_id,
        note=form.cleaned_data["note"],
        only_submitted=not form.cleaned_data["include_all"],
        shares=form.shares,
    )
    if rows and rows[0].pk == made.id:
        said = _("Nothing has changed since version %(number)s.")
        messages.info(request, said % {"number": made.number})
    else:
        messages.success(
            request, _("Version %(number)s is made.") % {"number": made.number}
        )


@login_required
@require_GET
def version(request: PageRequest, version_id: int) -> HttpResponse:
    """One version, and how it differs from another one."""
    found = access_version(user=request.user, version_id=version_id)
    others = [
        row for row in versions_of(project_id=found.project_id) if row.pk != found.pk
    ]
    since = number(request.GET.get("since", ""))
    old = next((row for row in others if row.pk == since), None)
    if old is None:
        old = version_before(found)
    difference = diff_versions(old=old, new=found) if old else None
    context = {
        "project": found.project,
        "version": found,
        "others": others,
        "old": old,
        "difference": difference,
        "pictures": pictures_of(difference.images, old=old, new=found)
        if difference and old
        else [],
        "may_manage": may(request, found.project.workspace_id, Role.MANAGER),
    }
    return render(request, "labeling/version.html", context)


@login_required
@require_GET
def thumbnail(
    request: PageRequest, version_id: int, frozen_id: int
) -> HttpResponseBase:
    """A frozen image's thumbnail, also where the project's image is deleted."""
    found = access_version(user=request.user, version_id=version_id)
    row = found.rows.select_related("image").filter(image_id=frozen_id).first()
    if row is None:
        raise NotFoundError(_("image not found"))
    return blob_response(
        request,
        row.image.thumbnail,
        media_type="image/jpeg",
        name=f"{frozen_id}.jpg",
    )


@login_required
@require_POST
def restore(request: PageRequest, version_id: int) -> HttpResponse:
    done = restore_version(user=request.user, version_id=version_id)
    num = done.num_added + done.num_changed
    said = ngettext("%(num)s image restored.", "%(num)s images restored.", num)
    messages.success(request, said % {"num": num})
    found = access_version(user=request.user, version_id=version_id)
    return redirect("labeling:versions", found.project_id)
