"""The page that adds images from elsewhere than the browser's drop zone."""

from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.jobs import selectors as jobs
from apps.labeling import selectors
from apps.labeling.forms import AddressesForm, BucketForm, PackedForm
from apps.labeling.services import gathering
from apps.labeling.views.acting import rights_of

FORMS: dict[str, type[Form]] = {
    "packed": PackedForm,
    "addresses": AddressesForm,
    "bucket": BucketForm,
}


@login_required
@require_http_methods(["GET", "POST"])
def add_images(request: PageRequest, project_id: int) -> HttpResponse:
    project, role = selectors.access_as(
        user=request.user, project_id=project_id, needs=Role.ANNOTATOR
    )
    forms = {name: form(auto_id=f"{name}-%s") for name, form in FORMS.items()}
    if request.method == "POST":
        source = request.POST.get("source", "")
        source = source if source in FORMS else "packed"
        if source != "packed":
            # This server does the asking, also where what it is to ask is not sound.
            selectors.access_project(
                user=request.user, project_id=project_id, needs=Role.MANAGER
            )
        sent = FORMS[source](request.POST, request.FILES, auto_id=f"{source}-%s")
        if _is_started(request, project_id, source, sent):
            return redirect("labeling:add-images", project_id)
        # What was typed stays, with what is wrong with it, where the eye goes first.
        wrong = next((name for name in sent.errors if name in sent.fields), None)
        field = sent.fields[wrong or next(iter(sent.fields))]
        field.widget.attrs["autofocus"] = True
        forms[source] = sent
    context = {
        "project": project,
        **{f"{name}_form": form for name, form in forms.items()},
        "gathered": jobs.latest_job(
            user=request.user, kind=gathering.KIND, params={"project_id": project_id}
        ),
        "has_worker": jobs.has_worker(),
        **rights_of(role),
    }
    return render(request, "labeling/add_images.html", context)


def _is_started(request: PageRequest, project_id: int, source: str, form: Form) -> bool:
    if not form.is_valid():
        return False
    try:
        _start(request, project_id, source, form)
    except DomainError as exc:
        if exc.status in {403, 404}:
            raise
        form.add_error(None, str(exc))
        return False
    return True


def _start(request: PageRequest, project_id: int, source: str, form: Form) -> None:
    user, given = request.user, form.cleaned_data
    match source:
        case "addresses":
            urls = given["urls"].splitlines()
            gathering.gather_addresses(user=user, project_id=project_id, urls=urls)
        case "bucket":
            gathering.gather_bucket(user=user, project_id=project_id, **given)
        case _:
            file, every_s = given["file"], given["every_s"]
            gathering.gather_file(
                user=user,
                project_id=project_id,
                file=file.file,
                name=file.name,
                every_s=every_s,
            )
