from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.selectors import workspace_of
from apps.accounts.types import Role
from apps.core.errors import DomainError
from apps.core.http import PageRequest
from apps.core.parsers import number
from apps.diagnostics import selectors
from apps.diagnostics.formats import exporting, showing
from apps.diagnostics.forms import NewReportForm
from apps.diagnostics.services import acting, starting
from apps.jobs.selectors import has_worker, may_act
from deepseek_diagnostics.catalog import BY_ID, TOOLS
from deepseek_diagnostics.result import ToolResult

PAGE_SIZE = 50


@login_required
@require_GET
def reports(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    rows = selectors.list_reports(user=request.user, workspace_id=workspace.pk)
    context = {
        "reports": rows[:PAGE_SIZE],
        "tools": [
            (showing.tool_title(one.id), showing.tool_question(one)) for one in TOOLS
        ],
        "has_worker": has_worker(),
    }
    return render(request, "diagnostics/reports.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def new(request: PageRequest) -> HttpResponse:
    workspace = workspace_of(request)
    form = NewReportForm(
        request.POST if request.method == "POST" else None,
        user=request.user,
        workspace_id=workspace.pk,
        initial={
            "model": request.GET.get("model", ""),
            "version": request.GET.get("version", ""),
            "splits": ["val", "test"],
            "tools": [request.GET["tool"]]
            if request.GET.get("tool") in BY_ID
            else list(BY_ID),
        },
    )
    if request.method == "POST" and form.is_valid():
        try:
            report = form.start(request.user)
        except DomainError as exc:
            form.add_error(None, str(exc))
        else:
            return redirect("diagnostics:report", report.pk)
    context = {
        "form": form,
        "has_worker": has_worker(),
        "matching": form.matching(request.user) if form.is_bound else None,
    }
    return render(request, "diagnostics/new_report.html", context)


@login_required
@require_POST
def classes(request: PageRequest) -> HttpResponse:
    """The fragment that matches a model's classes with the labels of the data."""
    workspace = workspace_of(request)
    form = NewReportForm(request.POST, user=request.user, workspace_id=workspace.pk)
    context = {"matching": form.matching(request.user)}
    return render(request, "diagnostics/new_report.html#classes", context)


@login_required
@require_POST
def estimate(request: PageRequest) -> HttpResponse:
    """The fragment below a form that is being filled in."""
    workspace = workspace_of(request)
    form = NewReportForm(request.POST, user=request.user, workspace_id=workspace.pk)
    context = {"estimate": form.estimate(request.user), "left_out": form.left_out()}
    return render(request, "diagnostics/new_report.html#estimate", context)


@login_required
@require_GET
def report(request: PageRequest, report_id: int) -> HttpResponse:
    """A report: all tools in one line each, and one of them whole."""
    found = selectors.access_report(user=request.user, report_id=report_id)
    results = selectors.results_of(found.pk)
    chosen = _chosen(results, request.GET.get("tool", ""))
    context: dict[str, Any] = {
        "report": found,
        "job": found.job,
        "error": showing.refused(found),
        "rows": showing.summary(results),
        "changes": [
            (showing.tool_title(one.tool), one)
            for one in selectors.changes_since(found, results)
        ],
        "promises": showing.promised(found.promises.all()),
        "tool": None,
        "may_act": may_act(user=request.user, job=found.job, needs=Role.ANNOTATOR),
        "has_worker": has_worker(queue=found.job.queue),
    }
    if chosen is not None:
        pictures = exporting.pictures_of(found, showing.image_ids(chosen))
        context["tool"] = showing.shown(chosen, pictures)
    return render(request, "diagnostics/report.html", context)


@login_required
@require_GET
def behind(request: PageRequest, report_id: int) -> HttpResponse:
    """The fragment of the images behind some points of a chart."""
    found = selectors.access_report(user=request.user, report_id=report_id)
    tool = request.GET.get("tool", "")
    result = next((r for r in selectors.results_of(found.pk) if r.tool == tool), None)
    evidence: list[showing.ShownEvidence] = []
    if result is not None:
        points = request.GET.getlist("point")
        behind = showing.behind(
            result, number(request.GET.get("plot", "")) or 0, points
        )
        ids = behind.keys() | showing.beside(result, behind)
        pictures = exporting.pictures_of(found, ids)
        marks = selectors.marks_of(found.pk, behind)
        evidence = showing.shown_behind(result, behind, pictures, marks)
    context = {"evidence": evidence}
    return render(request, "diagnostics/report.html#behind", context)


def _chosen(results: list[ToolResult], wanted: str) -> ToolResult | None:
    first = next((one for one in results if not one.skipped), None)
    return next((one for one in results if one.tool == wanted), first)


@login_required
@require_POST
def again(request: PageRequest, report_id: int) -> HttpResponse:
    made = starting.measure_again(user=request.user, report_id=report_id)
    return redirect("diagnostics:report", made.pk)


@login_required
@require_POST
def act(request: PageRequest, report_id: int) -> HttpResponse:
    """Do what a finding advises; its effect is measured when it is done."""
    tool, code = request.POST.get("tool", ""), request.POST.get("code", "")
    done = acting.act(user=request.user, report_id=report_id, tool=tool, code=code)
    if done.job_id:
        text = _("When this job is done, its model is published and measured again.")
        messages.success(request, text)
        return redirect("jobs:job", done.job_id)
    if done.report_id is not None:
        num = done.num_moved + done.num_deleted
        text = ngettext(
            "{num} image was put right. This report measures again.",
            "{num} images were put right. This report measures again.",
            num,
        ).format(num=num)
        messages.success(request, text)
        return redirect("diagnostics:report", done.report_id)
    text = ngettext(
        "{num} image went back to its annotator, with a pin at the place. When it is "
        "submitted again, the report is measured again.",
        "{num} images went back to their annotators, with a pin at each place. When "
        "all are submitted again, the report is measured again.",
        done.num_sent_back,
    ).format(num=done.num_sent_back)
    messages.success(request, text)
    return redirect(f"{reverse('diagnostics:report', args=[report_id])}?tool={tool}")
