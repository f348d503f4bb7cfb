from django.urls import include, path

from apps.diagnostics import api, views
from apps.diagnostics.evaluations import urls as evaluations
from apps.diagnostics.transfer import urls as transfer

# /diagnostics/
page_urls = [
    path("", views.reports, name="reports"),
    path("evaluations/", include(evaluations.page_urls)),
    path("new/", views.new, name="new"),
    path("estimate/", views.estimate, name="estimate"),
    path("classes/", views.classes, name="classes"),
    path("reports/<int:report_id>/", views.report, name="report"),
    path("reports/<int:report_id>/again/", views.again, name="again"),
    path("reports/<int:report_id>/act/", views.act, name="act"),
    path("reports/<int:report_id>/behind/", views.behind, name="behind"),
]

_report = "reports/<int:report_id>"
# /api/v1/diagnostics/
api_urls = [
    path("evaluations/", include(evaluations.api_urls)),
    path("models/", include(transfer.api_urls)),
    path("tools/", api.ToolListApi.as_view(), name="tool-list"),
    path("estimate/", api.EstimateApi.as_view(), name="estimate"),
    path("reports/", api.ReportListApi.as_view(), name="report-list"),
    path(f"{_report}/", api.ReportApi.as_view(), name="report"),
    path(f"{_report}/results/", api.ResultsApi.as_view(), name="results"),
    path(f"{_report}/again/", api.AgainApi.as_view(), name="again"),
    path(f"{_report}/act/", api.ActApi.as_view(), name="act"),
    path(f"{_report}/export/", api.ExportApi.as_view(), name="export"),
]
