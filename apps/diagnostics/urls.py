from django.urls import URLPattern, path

from apps.diagnostics import views

# /diagnostics/
page_urls = [
    path("", views.reports, name="reports"),
]

# /api/v1/diagnostics/
api_urls: list[URLPattern] = []
