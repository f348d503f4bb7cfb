import json
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import workspace_of
from apps.accounts.types import Role
from apps.core import blobs
from apps.core.errors import DomainError
from apps.core.figures import reading_order
from apps.core.files import blob_response
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.jobs.selectors import find_logs, has_worker, may_act
from apps.training import selectors
from apps.training.formats import tensorboard
from apps.training.forms import NewRunForm, first_choices
from apps.training.models import TrainingRun
from apps.training.selectors import charts
from apps.training.services import exporting, starting

PAGE_SIZE = 50
NUM_LOG_LINES = 200
MEDIA_TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}


@login_required
@require_GET
def runs(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    rows = selectors.list_runs(user=request.user, workspace_id=workspace.pk)
    tag = request.GET.get("tag", "")
    if tag:
        rows = rows.filter(tags__contains=[tag])
    context = {
        "runs": rows[:PAGE_SIZE],
        "tag": tag,
        "has_worker": has_worker(),
    }
    return render(request, "training/runs.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    given = request.POST if request.method == "POST" else None
    form = NewRunForm(
        given,
        user=request.user,
        workspace_id=workspace.pk,
        initial=first_choices(request.user, workspace.pk, request.GET),
    )
    if request.method == "POST" and form.is_valid():
        try:
            run = form.start(request.user, clone=request.POST.get("clone", ""))
        except DomainError as exc:
            form.add_error(None, str(exc))
        else:
            return redirect("training:run", run.pk)
    context = {
        "form": form,
        "presets": selectors.list_presets(),
        "estimate": form.estimate(request.user),
        "clone": request.POST.get("clone", request.GET.get("clone", "")),
        "has_worker": has_worker(),
    }
    return render(request, "training/new_run.html", context)


@login_required
@require_POST
def estimate(request: PageRequest) -> HttpResponse:
    """The fragment below a form that is being filled in."""
    workspace = workspace_of(request)
    form = NewRunForm(request.POST, user=request.user, workspace_id=workspace.pk)
    context = {"estimate": form.estimate(request.user)}
    return render(request, "training/new_run.html#estimate", context)


@login_required
@require_GET
def run(request: PageRequest, run_id: int) -> HttpResponse:
    found = selectors.access_run(user=request.user, run_id=run_id)
    part = request.GET.get("part", "")
    if request.htmx and part in {"head", "samples", "log", "result", "facts"}:
        return render(request, f"training/run.html#{part}", _context(request, found))
    context = _context(request, found) | {
        "curves": charts.charts_of(found),
        "precision_recall": charts.curves_of_classes(found),
        "has_worker": has_worker(queue=found.job.queue),
    }
    return render(request, "training/run.html", context)


def _context(request: PageRequest, run: TrainingRun) -> dict[str, Any]:
    words = request.GET.get("words", "")
    return {
        "run": run,
        "job": run.job,
        "may_act": may_act(user=request.user, job=run.job, needs=Role.ANNOTATOR),
        "words": words,
        "lines": find_logs(job_id=run.job_id, words=words, limit=NUM_LOG_LINES),
        "recipe": sorted(run.recipe.items()),
        "confusion": _confusion(run),
    }


def _confusion(run: TrainingRun) -> list[tuple[str, list[int]]]:
    rows = run.verdict.get("confusion", [])
    names = [*run.verdict.get("classes", []), _("nothing there")]
    return list(zip(names, rows, strict=False))


@login_required
@require_GET
def chart(request: PageRequest, run_id: int, curve: str) -> HttpResponse:
    found = selectors.access_run(user=request.user, run_id=run_id)
    drawn = charts.chart_of(found, curve)
    if drawn is None:
        raise Http404
    return JsonResponse(drawn.as_json())


@login_required
@require_GET
def sample(request: PageRequest, run_id: int, index: int) -> HttpResponseBase:
    """The picture under one of the sample predictions."""
    found = selectors.access_run(user=request.user, run_id=run_id)
    images = found.samples.get("images", [])
    if index >= len(images):
        raise Http404
    name = images[index]["name"]
    digest, _dot, suffix = name.partition(".")
    blob = blobs.Blob(sha256=digest, size=blobs.store().size(blobs.key(digest)))
    kind = MEDIA_TYPES.get(suffix, "application/octet-stream")
    return blob_response(request, blob, media_type=kind, name=name)


@login_required
@require_POST
def describe(request: PageRequest, run_id: int) -> HttpResponse:
    starting.describe_run(
        user=request.user,
        run_id=run_id,
        notes=request.POST.get("notes", ""),
        tags=request.POST.get("tags", "").split(","),
    )
    return redirect("training:run", run_id)


@login_required
@require_GET
def compare(request: PageRequest) -> HttpResponse:
    asked = [number(one) for one in request.GET.getlist("run")]
    ids = [pk for pk in asked if pk is not None]
    found = selectors.runs_to_compare(user=request.user, ids=ids)
    context = {
        "runs": found,
        "charts": [charts.compared(found, name) for name in ("loss", "val/AP")],
        "differences": _differences(found),
        "metrics": _metrics(found),
    }
    return render(request, "training/compare.html", context)


def _differences(runs: list[TrainingRun]) -> list[tuple[str, list[str]]]:
    """What the runs do not have in common."""
    told = [
        {
            "preset": run.preset,
            "dataset": str(run.dataset_version),
            "base": str(run.base_revision or ""),
            "device": run.device,
            **{key: json.dumps(value) for key, value in run.recipe.items()},
        }
        for run in runs
    ]
    names = sorted({name for one in told for name in one})
    rows = [(name, [one.get(name, "") for one in told]) for name in names]
    return [(name, values) for name, values in rows if len(set(values)) > 1]


def _metrics(runs: list[TrainingRun]) -> list[tuple[str, list[float | None]]]:
    names = sorted({name for run in runs for name in run.best}, key=reading_order)
    return [(name, [run.best.get(name) for run in runs]) for name in names]


@login_required
@require_GET
def tensorboard_file(request: PageRequest, run_id: int) -> HttpResponse:
    found = selectors.access_run(user=request.user, run_id=run_id)
    response = HttpResponse(
        tensorboard.event_file(
            selectors.series_of(run_id=found.pk), at=found.created_at
        ),
        content_type="application/octet-stream",
    )
    name = f"events.out.tfevents.{found.created_at:%s}.run-{found.pk}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@login_required
@require_POST
def mlflow(request: PageRequest, run_id: int) -> HttpResponse:
    url = exporting.to_mlflow(user=request.user, run_id=run_id)
    messages.success(request, _("The run is in MLflow: %(url)s") % {"url": url})
    return redirect("training:run", run_id)
