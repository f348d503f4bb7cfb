from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.jobs import services
from apps.jobs.errors import IllegalTransitionError
from apps.jobs.models import Device, DeviceLease, Job, JobEvent, Worker

if TYPE_CHECKING:
    from apps.accounts.models import User

TONES = {
    "done": "success", "failed": "danger", "cancelled": "warning",
    "preempted": "warning", "running": "info", "starting": "info", "finishing": "info",
}  # fmt: skip
NUM_NEWEST = 2000


class ReadOnly(ModelAdmin):
    """Looked at here, changed by services alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class RoughCount(Paginator):  # type: ignore[type-arg] # takes none when it runs
    """Counts a table that nobody filters from its statistics: ten million rows are many."""

    @cached_property
    def count(self) -> int:
        query = self.object_list
        assert isinstance(query, QuerySet)
        if query.query.where:
            return int(super().count)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                [query.model._meta.db_table],  # noqa: SLF001 -- Django's own public one
            )
            (found,) = cursor.fetchone()
        return int(found) if found > 10_000 else int(super().count)


class OfNewest(admin.AllValuesFieldListFilter):
    """Offers the values of the newest jobs: to look through all takes as long as a page."""

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, Any],
        model: Any,
        model_admin: Any,
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        newest = model.objects.order_by("-created_at").values_list(
            field_path, flat=True
        )
        found = sorted(set(newest[:NUM_NEWEST]))
        self.lookup_choices = found  # type: ignore[assignment]  # read once, in turn


@admin.register(Job)
class JobAdmin(ReadOnly):
    list_display = [
        "title", "kind", "state", "queue", "priority", "progress", "worker",
        "attempt", "error_code", "created_at",
    ]  # fmt: skip
    list_filter = [
        "status", ("kind", OfNewest), ("queue", OfNewest), "priority",
        ("error_code", OfNewest),
    ]  # fmt: skip
    list_per_page = 25
    search_fields = ["title"]
    list_select_related = ["workspace"]
    ordering = ["-created_at"]
    sortable_by = ["created_at"]  # what has an index: there may be very many
    paginator = RoughCount
    show_full_result_count = False
    actions = ["cancel_chosen", "retry_chosen"]

    @display(description="status", label=TONES)
    def state(self, job: Job) -> str:
        return job.status

    @display(description="done")
    def progress(self, job: Job) -> str:
        return f"{job.percent} %" if job.num_total else ""

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_chosen(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, services.cancel_as_staff)

    @admin.action(description="Try again", permissions=["act"])
    def retry_chosen(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._act(request, jobs, services.retry_as_staff)

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def _act(self, request: HttpRequest, jobs: QuerySet[Job], act: Any) -> None:
        num = 0
        for pk in jobs.values_list("pk", flat=True):
            try:
                act(job_id=pk, by=request.user)
            except IllegalTransitionError as exc:
                self.message_user(request, str(exc), messages.WARNING)
            else:
                num += 1
        self.message_user(request, _("%(num)s jobs were asked.") % {"num": num})


@admin.register(JobEvent)
class JobEventAdmin(ReadOnly):
    list_display = ["at", "job_id", "seq", "attempt", "kind", "payload"]
    list_filter = ["kind"]
    ordering = ["-pk"]
    sortable_by: list[str] = []
    paginator = RoughCount
    show_full_result_count = False


@admin.register(Worker)
class WorkerAdmin(ReadOnly):
    list_display = [
        "name", "queues", "num_processes", "memory_bytes", "is_drained", "started_at",
        "seen_at",
    ]  # fmt: skip
    actions = ["drain", "use_again"]

    @admin.action(description="Drain: finish, take nothing new", permissions=["act"])
    def drain(self, request: HttpRequest, workers: QuerySet[Worker]) -> None:
        self._set(request, workers, is_drained=True)

    @admin.action(description="Use again", permissions=["act"])
    def use_again(self, request: HttpRequest, workers: QuerySet[Worker]) -> None:
        self._set(request, workers, is_drained=False)

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def _set(
        self, request: HttpRequest, workers: QuerySet[Worker], *, is_drained: bool
    ) -> None:
        by = cast("User", request.user)
        for worker in workers:
            services.drain_worker(name=worker.name, is_drained=is_drained, by=by)


@admin.register(Device)
class DeviceAdmin(ReadOnly):
    list_display = [
        "host", "kind", "index", "name", "num_slots", "memory_used", "memory_total",
        "temperature_c", "load", "seen_at",
    ]  # fmt: skip


@admin.register(DeviceLease)
class DeviceLeaseAdmin(ReadOnly):
    list_display = ["device", "slot", "job_id", "attempt", "taken_at"]
    list_select_related = ["device"]
