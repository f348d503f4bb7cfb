from django.urls import path

from apps.deployments.trials import api, views

# /deployments/trials/
page_urls = [
    path("of/<int:revision_id>/", views.try_model, name="try-model"),
    path("<int:trial_id>/", views.trial, name="trial"),
]

# /api/v1/deployments/trials/
api_urls = [
    path("", api.TrialListApi.as_view(), name="trial-list"),
    path("<int:trial_id>/", api.TrialApi.as_view(), name="trial"),
]
