from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.core.http import Api, ApiRequest, NewestFirst
from apps.core.parsers import query_number
from apps.jobs import selectors, services
from apps.jobs.models import Device, DeviceLease, Job, JobEvent, Worker


class JobOut(serializers.ModelSerializer[Job]):
    class Meta:
        model = Job
        fields = [
            "id", "workspace_id", "kind", "title", "status", "attempt", "params",
            "queue", "priority", "num_gpus", "num_cpus", "is_gpu_shared",
            "time_limit_s", "waits_for", "worker", "failures",
            "num_done", "num_total", "last_seq", "result", "error_code", "error",
            "cancel_requested_at", "pause_requested_at",
            "created_at", "started_at", "finished_at",
        ]  # fmt: skip


class JobEventOut(serializers.ModelSerializer[JobEvent]):
    class Meta:
        model = JobEvent
        fields = ["seq", "attempt", "kind", "payload", "at"]


class WorkerOut(serializers.ModelSerializer[Worker]):
    is_alive = serializers.BooleanField()

    class Meta:
        model = Worker
        fields = [
            "name", "host", "queues", "versions", "num_processes", "memory_bytes",
            "disk_free_bytes", "is_drained", "started_at", "seen_at", "is_alive",
        ]  # fmt: skip


class LeaseOut(serializers.ModelSerializer[DeviceLease]):
    class Meta:
        model = DeviceLease
        fields = ["slot", "job_id", "attempt", "taken_at"]


class DeviceOut(serializers.ModelSerializer[Device]):
    is_alive = serializers.BooleanField()
    leases = LeaseOut(many=True)

    class Meta:
        model = Device
        fields = [
            "host", "kind", "index", "name", "num_slots", "memory_total",
            "memory_used", "temperature_c", "load", "seen_at", "is_alive", "leases",
        ]  # fmt: skip


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
        jobs = selectors.list_jobs(
            user=request.user,
            workspace_id=query_number(request.query_params, "workspace"),
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
    pagination_class = None

    @extend_schema(
        operation_id="job_event_list",
        parameters=[OpenApiParameter("after", int, description="last seq seen")],
        responses=JobEventOut(many=True),
    )
    def get(self, request: ApiRequest, job_id: UUID) -> Response:
        selectors.access_job(user=request.user, job_id=job_id)
        after = query_number(request.query_params, "after") or 0
        rows = selectors.events_after(job_id=job_id, seq=after)
        return Response(JobEventOut(rows, many=True).data)


class JobCancelApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.cancel_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class JobPauseApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.pause_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class JobResumeApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.resume_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class JobRetryApi(Api):
    @extend_schema(request=None, responses=JobOut)
    def post(self, request: ApiRequest, job_id: UUID) -> Response:
        job = services.retry_job(user=request.user, job_id=job_id)
        return Response(JobOut(job).data)


class WorkerListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="worker_list", responses=WorkerOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return Response(WorkerOut(selectors.list_workers(), many=True).data)


class DeviceListApi(Api):
    pagination_class = None

    @extend_schema(operation_id="device_list", responses=DeviceOut(many=True))
    def get(self, request: ApiRequest) -> Response:
        return Response(DeviceOut(selectors.list_devices(), many=True).data)
