from django.urls import path

from apps.diagnostics.evaluations import api, views

# /diagnostics/evaluations/
page_urls = [
    path("of/<int:revision_id>/", views.evaluations, name="evaluations"),
    path("beside/", views.beside, name="evaluations-beside"),
    path("board/<int:version_id>/", views.leaderboard, name="leaderboard"),
]

# /api/v1/diagnostics/evaluations/
api_urls = [
    path("", api.EvaluationListApi.as_view(), name="evaluation-list"),
    path("<int:evaluation_id>/", api.EvaluationApi.as_view(), name="evaluation"),
]
