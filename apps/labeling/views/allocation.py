"""Who has what to do in a project, and by which rules."""

from datetime import datetime, time

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.types import Role
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.labeling import selectors
from apps.labeling.forms import AssignForm, RuleForm
from apps.labeling.models import Project
from apps.labeling.selectors.workload import (
    annotators_of,
    count_free,
    list_rules,
    workload_of,
)
from apps.labeling.services import assigning
from apps.labeling.services.assigning import NewRule
from apps.labeling.views.acting import attempt, rights


@login_required
@require_GET
def allocation(request: PageRequest, project_id: int) -> HttpResponse:
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.REVIEWER
    )
    rows = workload_of(user=request.user, project=project)
    context = {
        "project": project,
        "rows": rows,
        "num_free": count_free(project_id=project_id),
        "num_overdue": sum(row.num_overdue for row in rows),
        "rules": list_rules(project_id=project_id),
        "form": _rule_form(request, project),
        **rights(request, project.workspace_id),
    }
    part = "#people" if request.htmx and "people" in request.GET else ""
    return render(request, f"labeling/allocation.html{part}", context)


def _rule_form(request: PageRequest, project: Project) -> RuleForm:
    people = annotators_of(user=request.user, project=project)
    labels = selectors.list_labels(project_id=project.pk)
    return RuleForm(
        request.POST or None,
        people=[(row.pk, str(row)) for row in people],
        labels=[(row.pk, row.name) for row in labels],
    )


@login_required
@require_POST
def act(request: PageRequest, project_id: int) -> HttpResponse:
    """Keep a rule, forget one, or carry all out."""
    project = selectors.access_project(
        user=request.user, project_id=project_id, needs=Role.MANAGER
    )
    match request.POST.get("action"):
        case "add":
            _add_rule(request, project)
        case "delete":
            assigning.delete_rule(
                user=request.user,
                project_id=project_id,
                rule_id=number(request.POST.get("rule", "")) or 0,
            )
        case "apply":
            num = assigning.apply_rules(user=request.user, project_id=project_id)
            given = ngettext("%(num)s image given.", "%(num)s images given.", num)
            messages.success(request, given % {"num": num})
    return redirect("labeling:allocation", project_id)


def _add_rule(request: PageRequest, project: Project) -> None:
    form = _rule_form(request, project)
    if not form.is_valid():
        messages.error(
            request, _("Choose whom the images are for; scores lie in 0 to 1.")
        )
        return
    new = NewRule(**form.cleaned_data)
    attempt(
        request,
        lambda: assigning.add_rule(user=request.user, project_id=project.pk, new=new),
    )


def assign_chosen(request: PageRequest, project_id: int, ids: list[int]) -> list[int]:
    """Give the images chosen in the gallery to the person chosen there."""
    form = AssignForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a person, and a day that is one."))
        return []
    due_on = form.cleaned_data["due_on"]
    end = datetime.combine(due_on, time.max) if due_on else None
    given: list[int] = []
    attempt(
        request,
        lambda: given.extend(
            assigning.assign_images(
                user=request.user,
                project_id=project_id,
                image_ids=ids,
                assignee_id=form.cleaned_data["assignee"],
                due_at=timezone.make_aware(end) if end else None,
            )
        ),
    )
    return given
