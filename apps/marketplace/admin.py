from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.marketplace.models import Namespace
from apps.marketplace.services.quotas import used_by


@admin.register(Namespace)
class NamespaceAdmin(ModelAdmin):
    """How much each may hold; they come and go with their workspaces."""

    list_display = ["name", "workspace", "used", "quota_bytes"]
    list_select_related = ["workspace"]
    search_fields = ["name"]
    fields = ["name", "workspace", "used", "quota_bytes"]
    readonly_fields = ["name", "workspace", "used"]

    @admin.display(description=_("Used"))
    def used(self, row: Namespace) -> str:
        return str(filesizeformat(used_by(row)))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,
        obj: Namespace | None = None,
    ) -> bool:
        return False
