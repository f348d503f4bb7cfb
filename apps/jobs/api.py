from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest, NewestFirst
from apps.jobs import selectors, services
from apps.jobs.models import Job, JobEvent, Worker


class JobOut(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = [
            "id", "workspace_id", "kind", "title", "status", "attempt", "params",
            "num_done", "num_total", "last_seq", "result", "error_code", "error",
            "cancel_requested_at", "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class JobEventOut(serializers.ModelSerializer[JobEvent]):
    class Meta:
        model = JobEvent
        fields = ["seq", "attempt", "kind", "payload", "at"]


class WorkerOut(serializers.ModelSerializer[Worker]):
    is_alive = serializers.BooleanField()

    class Meta:
        model = Worker
        fields = ["name", "queues", "versions", "started_at", "seen_at", "is_alive"]


class NewestJobs(NewestFirst):
    ordering = "-created_at"


class JobListApi(Api):
    pagination_class = NewestJobs

    @extend_schema(
        operation_id="job_list",
        parameters=[
            OpenApiParameter("workspace", int),
            OpenApiParameter("status", str),
            OpenApiParameter("kind", str),
        ],
        responses=JobOut(many=True),
    )
    def get(self, request: ApiRequest) -> Response:
        workspace = request.query_params.get("workspace", "")
        jobs = selectors.list_jobs(
            user=request.user,
            workspace_id=int(workspace) if workspace.isdigit() else None,
            status=request.query_params.get("status"),
            kind=request.query_params.get("kind"),
        )
        return self.paginate(request, jobs, JobOut)


class JobApi(Api):
    @extend_schema(operation_id="job", responses=JobOut)
    def get(self, request: ApiRequest, job_id: UUID) -> Response:
        job = selectors.access_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class JobEventListApi(Api):
    @extend_schema(
        operation_id="job_event_list",
        parameters=[OpenApiParameter("after", int, description="last seq seen")],
        responses=JobEventOut(many=True),
    )
    def get(self, request: ApiRequest, job_id: UUID) -> Response:
        after = request.query_params.get("after", "0")
        selectors.access_job(user=request.user, job_id=job_id)
        rows = selectors.events_after(
            job_id=job_id, seq=int(after) if after.isdigit() else 0
        )
        return Response(JobEventOut(rows, many=True).data)


class JobCancelApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.cancel_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class JobRetryApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.retry_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class WorkerListApi(Api):
    @extend_schema(operation_id="worker_list", responses=WorkerOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return Response(WorkerOut(selectors.list_workers(), many=True).data)
