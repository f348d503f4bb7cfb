from django.urls import path

from apps.training import api, views

# /training/
page_urls = [
    path("", views.runs, name="runs"),
    path("new/", views.new, name="new"),
    path("estimate/", views.estimate, name="estimate"),
    path("compare/", views.compare, name="compare"),
    path("runs/<int:run_id>/", views.run, name="run"),
    path("runs/<int:run_id>/describe/", views.describe, name="describe"),
    path("runs/<int:run_id>/charts/<slug:curve>/", views.chart, name="chart"),
    path("runs/<int:run_id>/samples/<int:index>/", views.sample, name="sample"),
    path("runs/<int:run_id>/tensorboard/", views.tensorboard_file, name="tensorboard"),
    path("runs/<int:run_id>/mlflow/", views.mlflow, name="mlflow"),
]

# /api/v1/training/
api_urls = [
    path("presets/", api.PresetListApi.as_view(), name="preset-list"),
    path("estimate/", api.EstimateApi.as_view(), name="estimate"),
    path("runs/", api.RunListApi.as_view(), name="run-list"),
    path("runs/<int:run_id>/", api.RunApi.as_view(), name="run"),
    path("runs/<int:run_id>/clone/", api.RunCloneApi.as_view(), name="clone"),
    path("runs/<int:run_id>/curves/", api.CurveListApi.as_view(), name="curve-list"),
]
