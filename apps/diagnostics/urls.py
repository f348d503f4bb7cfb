from django.urls import path

from apps.diagnostics import api, views

# /diagnostics/
page_urls = [
    path("", views.reports, name="reports"),
    path("new/", views.new, name="new"),
    path("estimate/", views.estimate, name="estimate"),
    path("reports/<int:report_id>/", views.report, name="report"),
    path("reports/<int:report_id>/again/", views.again, name="again"),
]

_report = "reports/<int:report_id>"
# /api/v1/diagnostics/
api_urls = [
    path("tools/", api.ToolListApi.as_view(), name="tool-list"),
    path("estimate/", api.EstimateApi.as_view(), name="estimate"),
    path("reports/", api.ReportListApi.as_view(), name="report-list"),
    path(f"{_report}/", api.ReportApi.as_view(), name="report"),
    path(f"{_report}/results/", api.ResultsApi.as_view(), name="results"),
    path(f"{_report}/again/", api.AgainApi.as_view(), name="again"),
    path(f"{_report}/export/", api.ExportApi.as_view(), name="export"),
]
