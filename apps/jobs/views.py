from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.dateparse import parse_datetime
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.selectors import workspace_of
from apps.accounts.types import Role
from apps.core.charts import Axis, Chart, Series
from apps.core.http import PageRequest
from apps.jobs import selectors, services
from apps.jobs.formats.prometheus import CONTENT_TYPE, exposition
from apps.jobs.models import STATUS_CHOICES
from apps.jobs.types import JobStatus

PAGE_SIZE = 50
NUM_NEWS = 8
NUM_EVENTS_SHOWN = 200


@login_required
@require_GET
def jobs(request: PageRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    rows = selectors.list_jobs(
        user=request.user,
        workspace_id=workspace_of(request).pk,
        status=status if status in set(JobStatus) else None,
    )
    before = _moment(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(created_at__lt=before)
    page = list(rows[: PAGE_SIZE + 1])
    context = {
        "jobs": page[:PAGE_SIZE],
        "before": page[PAGE_SIZE - 1].created_at if len(page) > PAGE_SIZE else None,
        "status": status,
        "statuses": STATUS_CHOICES,
        "workers": selectors.list_workers(),
        "has_worker": selectors.has_worker(),
    }
    if not request.htmx:
        context |= _overview(request)
    part = "#rows" if request.htmx else ""
    return render(request, f"jobs/jobs.html{part}", context)


def _overview(request: PageRequest) -> dict[str, Any]:
    """What who is on call looks at first."""
    user, workspace_id = request.user, workspace_of(request).pk
    hours = selectors.history(user=user, workspace_id=workspace_id)
    moments = [one.hour.timestamp() for one in hours]
    axis = Axis(label=_("Hour"), scale="time")
    return {
        "queues": selectors.list_queues(),
        "devices": selectors.list_devices(),
        "failures": selectors.failures_by_cause(user=user, workspace_id=workspace_id),
        "charts": [
            Chart(
                title=_("Jobs ended, last day"),
                kind="line",
                x=axis,
                y=Axis(label=_("Jobs"), unit=_("per hour"), low=0),
                series=[
                    Series(name=_("Done"), x=moments, y=[it.num_done for it in hours]),
                    Series(
                        name=_("Failed"), x=moments, y=[it.num_failed for it in hours]
                    ),
                ],
            ),
            Chart(
                title=_("Mean wait, last day"),
                kind="line",
                x=axis,
                y=Axis(label=_("Wait"), unit="s", low=0),
                series=[
                    Series(
                        name=_("Wait"), x=moments, y=[it.mean_wait_s for it in hours]
                    )
                ],
            ),
        ],
    }


@login_required
@require_POST
def drain(request: PageRequest) -> HttpResponse:
    """Have a worker take nothing new, or work again; for staff."""
    if not request.user.is_staff:
        raise PermissionDenied
    services.drain_worker(
        name=request.POST.get("worker", ""),
        is_drained=request.POST.get("drain") == "1",
        by=request.user,
    )
    return redirect("jobs:jobs")


@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus: for who knows METRICS_TOKEN, or on this machine."""
    if not _may_scrape(request):
        return HttpResponse(
            _("set METRICS_TOKEN, send it as a bearer token"), status=401
        )
    text = exposition(selectors.measurements())
    return HttpResponse(text, content_type=CONTENT_TYPE)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token:
        return constant_time_compare(given, token)
    is_proxied = "X-Forwarded-For" in request.headers
    return request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1"} and not is_proxied


def _moment(text: str) -> object | None:
    """Read a point in time from the address; nonsense is no point in time."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo else None


@login_required
@require_GET
def news(request: PageRequest) -> HttpResponse:
    """What runs and what ended lately, for the bell."""
    user, workspace = request.user, workspace_of(request)
    running = selectors.list_running(user=user, workspace_id=workspace.pk)[:NUM_NEWS]
    ended = selectors.list_ended(user=user, workspace_id=workspace.pk)[:NUM_NEWS]
    return render(request, "jobs/news.html", {"jobs": [*running, *ended][:NUM_NEWS]})


@login_required
@require_GET
def job(request: PageRequest, job_id: UUID) -> HttpResponse:
    found = selectors.access_job(user=request.user, job_id=job_id)
    events = selectors.last_events(job_id=job_id, limit=NUM_EVENTS_SHOWN)
    context = {
        "job": found,
        "events": events,
        "num_hidden": max(0, found.last_seq - len(events)),
        "has_worker": selectors.has_worker(queue=found.queue),
        "lacks_gpu": bool(found.num_gpus and found.waits_for)
        and not selectors.has_gpu(),
        "may_act": selectors.may_act(
            user=request.user, job=found, needs=Role.ANNOTATOR
        ),
    }
    part = "#live" if request.htmx else ""
    return render(request, f"jobs/job.html{part}", context)


@login_required
@require_POST
def cancel(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.cancel_job(user=request.user, job_id=job_id)
    return redirect(back(request, job_id))


@login_required
@require_POST
def retry(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.retry_job(user=request.user, job_id=job_id)
    return redirect(back(request, job_id))


@login_required
@require_POST
def pause(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.pause_job(user=request.user, job_id=job_id)
    return redirect(back(request, job_id))


@login_required
@require_POST
def resume(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.resume_job(user=request.user, job_id=job_id)
    return redirect(back(request, job_id))


def back(request: PageRequest, job_id: UUID) -> str:
    """The page of ours that asked, else the job's own."""
    asked = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(asked, allowed_hosts=None)
    return asked if asked and is_ours else reverse("jobs:job", args=[job_id])
