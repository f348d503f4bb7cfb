from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.diagnostics.evaluations import selectors, services
from apps.diagnostics.evaluations.forms import EvaluationForm
from apps.diagnostics.evaluations.models import SPLIT_CHOICES, Evaluation
from apps.labeling.selectors import access_dataset_version, list_dataset_versions
from apps.labeling.types import Split
from apps.marketplace.selectors import access_model_revision, short_names

NUM_SHOWN = 12
MOST_BESIDE = 8


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
    """All models that were measured on a dataset version, the best first.

    What is not as it was signed has no place among them, and stands below.
    """
    version = access_dataset_version(user=request.user, version_id=version_id)
    split = request.GET.get("split", Split.VAL.value)
    split = split if split in dict(SPLIT_CHOICES) else Split.VAL.value
    rows = selectors.leaderboard(user=request.user, version_id=version.id, split=split)
    shown = sorted((_row(one) for one in rows), key=lambda row: not row["is_genuine"])
    context = {
        "version": version,
        "split": split,
        "splits": SPLIT_CHOICES,
        "rows": shown,
    }
    return render(request, "diagnostics/leaderboard.html", context)


@login_required
@require_GET
def beside(request: PageRequest) -> HttpResponse:
    """The part of a comparison of models that says how good each is on our own data."""
    asked = [number(one) for one in request.GET.getlist("of")[:MOST_BESIDE]]
    ids = [pk for pk in asked if pk is not None]
    found = selectors.side_by_side(user=request.user, revision_ids=ids)
    named = short_names(user=request.user, revision_ids=ids)
    names = [named.get(pk, "") for pk in ids]
    context = {"sets": [_beside(one, names) for one in found], "num": len(ids)}
    return render(request, "diagnostics/beside.html", context)


def _beside(one: selectors.Measured, names: list[str]) -> dict[str, Any]:
    rows = [_row(row) if row else None for row in one.evaluations]
    # What is not as it was signed is the best of nothing.
    signed = [row["evaluation"] for row in rows if row and row["is_genuine"]]
    best = {
        "ap": selectors.best(signed, "ap"),
        "ap50": selectors.best(signed, "ap50"),
        "time_ms": selectors.best(signed, "time_ms", is_least=True),
    }
    cells = list(zip(names, rows, strict=True))
    return {"one": one.one, "best": best, "cells": cells}


def _row(one: Evaluation) -> dict[str, Any]:
    return {"evaluation": one, "is_genuine": services.is_genuine(one)}
