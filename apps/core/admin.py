from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.core.models import Collection


@admin.register(Collection)
class CollectionAdmin(ModelAdmin):
    list_display = (
        "created_at",
        "num_blobs",
        "num_bytes",
        "num_condemned",
        "num_freed",
        "num_bytes_freed",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: object = None,
    ) -> bool:
        return False
