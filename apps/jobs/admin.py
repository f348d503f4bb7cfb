from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.jobs.models import Job, Worker


@admin.register(Job)
class JobAdmin(ModelAdmin):
    list_display = ["title", "kind", "status", "worker", "attempt", "created_at"]
    list_filter = ["status", "kind", "queue"]
    search_fields = ["title", "id"]
    list_select_related = ["workspace"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(ModelAdmin):
    list_display = ["name", "queues", "started_at", "seen_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
