from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.selectors import workspace_of
from apps.core.http import PageRequest
from apps.jobs import selectors, services
from apps.jobs.types import JobStatus

PAGE_SIZE = 50


@login_required
@require_GET
def jobs(request: PageRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    rows = selectors.list_jobs(
        user=request.user,
        workspace_id=workspace_of(request).pk,
        status=status if status in set(JobStatus) else None,
    )
    context = {
        "jobs": rows[:PAGE_SIZE],
        "status": status,
        "statuses": list(JobStatus),
        "workers": selectors.list_workers(),
        "has_worker": selectors.has_worker(),
    }
    part = "#rows" if request.htmx else ""
    return render(request, f"jobs/jobs.html{part}", context)


@login_required
@require_GET
def job(request: PageRequest, job_id: UUID) -> HttpResponse:
    found = selectors.access_job(user=request.user, job_id=job_id)
    context = {
        "job": found,
        "events": selectors.events_after(job_id=job_id, seq=0),
        "has_worker": selectors.has_worker(queue=found.queue),
    }
    return render(request, "jobs/job.html", context)


@login_required
@require_POST
def cancel(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.cancel_job(user=request.user, job_id=job_id)
    return redirect("jobs:job", job_id)


@login_required
@require_POST
def retry(request: PageRequest, job_id: UUID) -> HttpResponse:
    services.retry_job(user=request.user, job_id=job_id)
    return redirect("jobs:job", job_id)
