"""The page that adds images from elsewhere than the browser's drop zone."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.jobs import selectors as jobs
from apps.labeling import selectors
from apps.labeling.forms import AddressesForm, BucketForm, PackedForm
from apps.labeling.services import gathering
from apps.labeling.views.acting import attempt, rights


@login_required
@require_http_methods(["GET", "POST"])
def add_images(request: PageRequest, project_id: int) -> HttpResponse:
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.ANNOTATOR
    )
    if request.method == "POST":
        start = _STARTS.get(request.POST.get("source", ""), _start_packed)
        start(request, project_id)
        return redirect("labeling:add-images", project_id)
    allowed = rights(request, project.workspace_id)
    context = {
        "project": project,
        "packed_form": PackedForm(auto_id="packed-%s"),
        "addresses_form": AddressesForm(auto_id="addresses-%s"),
        "bucket_form": BucketForm(auto_id="bucket-%s"),
        "gathered": jobs.latest_job(
            user=request.user, kind=gathering.KIND, params={"project_id": project_id}
        ),
        "has_worker": jobs.has_worker(),
        **allowed,
    }
    return render(request, "labeling/add_images.html", context)


def _start_packed(request: PageRequest, project_id: int) -> None:
    form = PackedForm(request.POST, request.FILES)
    if not form.is_valid():
        messages.error(request, _("Choose a zip or a video."))
        return
    file = form.cleaned_data["file"]
    attempt(
        request,
        lambda: gathering.gather_file(
            user=request.user,
            project_id=project_id,
            file=file.file,
            name=file.name,
            every_s=form.cleaned_data["every_s"],
        ),
    )


def _start_addresses(request: PageRequest, project_id: int) -> None:
    urls = request.POST.get("urls", "").splitlines()
    attempt(
        request,
        lambda: gathering.gather_addresses(
            user=request.user, project_id=project_id, urls=urls
        ),
    )


def _start_bucket(request: PageRequest, project_id: int) -> None:
    form = BucketForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a bucket."))
        return
    attempt(
        request,
        lambda: gathering.gather_bucket(
            user=request.user, project_id=project_id, **form.cleaned_data
        ),
    )


_STARTS: dict[str, Callable[[PageRequest, int], None]] = {
    "addresses": _start_addresses,
    "bucket": _start_bucket,
}
