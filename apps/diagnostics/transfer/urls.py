from django.urls import path

from apps.diagnostics.transfer import api, views

# /marketplace/by-images/
page_urls = [
    path("", views.searches, name="searches"),
    path("<int:search_id>/", views.search, name="search"),
]

# /api/v1/diagnostics/models/
api_urls = [
    path("", api.SearchListApi.as_view(), name="transfer-list"),
    path("<int:search_id>/", api.SearchApi.as_view(), name="transfer"),
]
