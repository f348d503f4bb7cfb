from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.diagnostics.evaluations import selectors, services
from apps.diagnostics.evaluations.forms import EvaluationForm
from apps.diagnostics.evaluations.models import SPLIT_CHOICES, Evaluation
from apps.labeling.selectors import access_dataset_version, list_dataset_versions
from apps.labeling.types import Split
from apps.marketplace.selectors import access_model_revision

NUM_SHOWN = 12


@login_required
@require_http_methods(["GET", "POST"])
def evaluations(request: PageRequest, revision_id: int) -> HttpResponse:
    """The part of a model's page that says how good it is on our own data."""
    revision = access_model_revision(user=request.user, revision_id=revision_id)
    versions = list_dataset_versions(user=request.user)
    form = EvaluationForm(request.POST or None, versions=versions)
    context: dict[str, Any] = {"revision": revision, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            services.start_evaluation(
                user=request.user,
                revision_id=revision.id,
                version_id=form.cleaned_data["version"],
                split=form.cleaned_data["split"],
            )
        except DomainError as exc:
            context["error"] = str(exc)
        else:
            context["form"] = EvaluationForm(None, versions=versions)
    rows = selectors.list_evaluations(user=request.user, revision_id=revision.id)
    shown = list(rows[:NUM_SHOWN])
    context |= {
        "rows": [_row(one) for one in shown],
        "is_going": any(not one.job.is_over for one in shown),
        "has_data": bool(versions),
    }
    return render(request, "diagnostics/evaluations.html", context)


@login_required
@require_GET
def leaderboard(request: PageRequest, version_id: int) -> HttpResponse:
    """All models that were measured on a dataset version, the best first."""
    version = access_dataset_version(user=request.user, version_id=version_id)
    split = request.GET.get("split", Split.VAL.value)
    split = split if split in dict(SPLIT_CHOICES) else Split.VAL.value
    rows = selectors.leaderboard(user=request.user, version_id=version.id, split=split)
    context = {
        "version": version,
        "split": split,
        "splits": SPLIT_CHOICES,
        "rows": [_row(one) for one in rows],
    }
    return render(request, "diagnostics/leaderboard.html", context)


def _row(one: Evaluation) -> dict[str, Any]:
    return {"evaluation": one, "is_genuine": services.is_genuine(one)}
