from django.urls import path

from apps.marketplace.catalogue import api, views

# /marketplace/
page_urls = [path("catalogue/", views.catalogue, name="catalogue")]

# /api/v1/marketplace/
api_urls = [
    path("catalogue/", api.CatalogueApi.as_view(), name="catalogue"),
    path("catalogue/fetch/", api.FetchApi.as_view(), name="fetch"),
    path("mirrors/", api.MirrorListApi.as_view(), name="mirror-list"),
]
