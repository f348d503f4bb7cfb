from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.labeling import selectors
from apps.labeling.errors import BadMergeError
from apps.labeling.forms import MergeForm
from apps.labeling.selectors.merges import Pair, access_pair, preview_merge
from apps.labeling.selectors.versions import pictures_of, versions_of
from apps.labeling.services.merging_versions import merge_versions
from apps.labeling.views.acting import may


@login_required
@require_http_methods(["GET", "POST"])
def merge(request: PageRequest, project_id: int) -> HttpResponse:
    """What merging two versions would do, and doing it."""
    needs = Role.ANNOTATOR if request.method == "POST" else Role.VIEWER
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=needs
    )
    given = request.POST or request.GET
    ours, theirs = (number(given.get(name, "")) for name in ("ours", "theirs"))
    pair, refusal = _pair(request, project_id, ours, theirs)
    form = MergeForm(request.POST or None)
    if pair and request.method == "POST" and form.is_valid():
        return _merge(request, pair, form)
    preview = preview_merge(pair) if pair else None
    versions = list(versions_of(project_id=project_id))
    newest = [row.pk for row in versions[:2]]
    context = {
        "project": project,
        "versions": versions,
        "ours": ours or next(iter(newest), None),
        "theirs": theirs or next(reversed(newest), None),
        "pair": pair,
        "refusal": refusal,
        "preview": preview,
        "pictures": pictures_of(preview.conflicts, old=pair.ours, new=pair.theirs)
        if preview and pair
        else [],
        "form": form,
        "may_label": may(request, project.workspace_id, Role.ANNOTATOR),
    }
    return render(request, "labeling/merge_versions.html", context)


def _pair(
    request: PageRequest, project_id: int, ours: int | None, theirs: int | None
) -> tuple[Pair | None, str]:
    """The two versions, or why they are none; neither where one is not chosen yet."""
    if ours is None or theirs is None:
        return None, ""
    try:
        pair = access_pair(user=request.user, version_id=ours, other_id=theirs)
        if pair.ours.project_id != project_id:
            raise BadMergeError(_("these are another project's versions: choose two"))
    except DomainError as exc:
        return None, str(exc)
    return pair, ""


def _merge(request: PageRequest, pair: Pair, form: MergeForm) -> HttpResponse:
    done = merge_versions(
        user=request.user,
        version_id=pair.ours.pk,
        other_id=pair.theirs.pk,
        rule=form.cleaned_data["rule"],
        note=form.cleaned_data["note"],
    )
    number = done.version.number
    if done.is_new:
        said = _("Version {number} is made. Restore it to go on labeling from it.")
        messages.success(request, said.format(number=number))
    else:
        said = _("Nothing was made: version {number} holds just this already.")
        messages.info(request, said.format(number=number))
    return redirect("labeling:version", done.version.id)
