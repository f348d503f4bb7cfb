from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.core.errors import NotFoundError
from apps.core.http import PageRequest
from apps.marketplace.models import Model, Ref
from apps.marketplace.selectors import short_names
from apps.marketplace.selectors.searching import Wanted, search_models
from apps.marketplace.services.comparing import MOST, Column, Row, find_column, rows_of
from apps.marketplace.types import MAIN

if TYPE_CHECKING:
    from apps.accounts.models import User

NUM_OFFERED = 6
NUM_REVISIONS = 10


@login_required
@require_GET
def compare(request: PageRequest) -> HttpResponse:
    """Show a few models side by side; what to show stands in the address."""
    columns, problems = _columns(request)
    is_narrowed = request.GET.get("only") == "different"
    rows = rows_of(columns) if len(columns) > 1 else ()
    shown = [row for row in rows if not (is_narrowed and row.is_same)]
    q = request.GET.get("q", "")
    described = _described(request.user, columns)
    context = {
        "columns": described,
        "rows": _cells(described, shown),
        "num_same": len(rows) - len(shown),
        "problems": problems,
        "is_narrowed": is_narrowed,
        "of": urlencode([("of", one.revision.pk) for one in columns]),
        "asked": [one.asked for one in columns],
        "q": q,
        "may_add": len(columns) < MOST,
        "offered": _offered(request, columns, q) if len(columns) < MOST else [],
    }
    template = "marketplace/compare.html" + ("#beside" if request.htmx else "")
    return render(request, template, context)


def _columns(request: PageRequest) -> tuple[list[Column], list[str]]:
    """Find what the address names, and say what is wrong with the rest."""
    found: dict[int, Column] = {}
    problems = []
    names = [name for name in dict.fromkeys(request.GET.getlist("model")) if name]
    for name in names[: 2 * MOST]:
        try:
            column = find_column(user=request.user, asked=name)
        except NotFoundError as exc:
            problems.append(str(exc))
        else:
            found.setdefault(column.revision.pk, column)
    if len(names) > 2 * MOST or len(found) > MOST:
        problems.append(
            _(
                "Up to {most} models stand side by side; the others are left out."
            ).format(most=MOST)
        )
    return list(found.values())[:MOST], problems


def _described(user: "User", columns: list[Column]) -> list[dict[str, Any]]:
    names = short_names(user=user, revision_ids=[one.revision.pk for one in columns])
    return [
        {
            "asked": one.asked,
            "model": one.revision.model,
            "revision": one.revision,
            "short": names[one.revision.pk],
            "choices": _choices(one),
            "without": _address(other.asked for other in columns if other is not one),
        }
        for one in columns
    ]


def _cells(columns: list[dict[str, Any]], rows: list[Row]) -> list[dict[str, Any]]:
    return [
        {
            "part": row.part,
            "row": row,
            "cells": list(zip(columns, row.values, strict=True)),
        }
        for row in rows
    ]


def _choices(column: Column) -> list[tuple[str, str]]:
    """The branches, tags and newest revisions that can stand in a column instead."""
    model = column.revision.model
    refs = Ref.objects.filter(model=model).order_by("kind", "name")[:NUM_REVISIONS]
    newest = model.revisions.order_by("-pk")[:NUM_REVISIONS]
    choices = {model.full_name: MAIN}
    choices |= {f"{model.full_name}@{ref.name}": ref.name for ref in refs}
    choices.pop(f"{model.full_name}@{MAIN}", None)
    for one in newest:
        name = f"{model.full_name}@{one.revision[:12]}"
        choices[name] = f"{one.revision[:7]} {one.title[:40]}"
    choices.setdefault(column.asked, column.asked.partition("@")[2] or MAIN)
    return list(choices.items())


def _offered(
    request: PageRequest, columns: list[Column], q: str
) -> list[tuple[Model, str]]:
    """Models that can be added: those that were searched for, else of the same task."""
    task = columns[0].revision.model.task if columns and not q else ""
    found = search_models(user=request.user, wanted=Wanted(text=q, task=task))
    others = found.exclude(pk__in=[one.revision.model_id for one in columns])
    others = others.exclude(head=None).only(
        "name", "task", "summary", "namespace__name", "head__id"
    )
    asked = [one.asked for one in columns]
    return [
        (model, _address([*asked, model.full_name])) for model in others[:NUM_OFFERED]
    ]


def _address(asked: Iterable[str]) -> str:
    return "?" + urlencode([("model", name) for name in asked])
