from django.contrib import admin
from unfold.admin import ModelAdmin

from apps.labeling.models import Image, Label, Project


@admin.register(Project)
class ProjectAdmin(ModelAdmin):
    list_display = ["name", "workspace", "created_by", "created_at", "archived_at"]
    list_select_related = ["workspace", "created_by"]
    search_fields = ["name"]


@admin.register(Label)
class LabelAdmin(ModelAdmin):
    list_display = ["name", "project", "color", "hotkey"]
    list_select_related = ["project"]


@admin.register(Image)
class ImageAdmin(ModelAdmin):
    list_display = ["name", "project", "state", "width", "height", "created_at"]
    list_filter = ["state"]
    list_select_related = ["project"]
    search_fields = ["name", "sha256"]
