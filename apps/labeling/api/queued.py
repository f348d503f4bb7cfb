"""The answer of whatever only starts a job."""

from typing import TYPE_CHECKING

from rest_framework import status
from rest_framework.response import Response

from apps.jobs.types import JobStatus

if TYPE_CHECKING:
    from apps.jobs.models import Job


def queued(job: "Job") -> Response:
    answer = {"job_id": str(job.pk), "status": JobStatus(job.status).value}
    return Response(answer, status.HTTP_202_ACCEPTED)
