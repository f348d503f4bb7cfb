from django.urls import path

from apps.marketplace import views
from apps.marketplace.api import models as api

# /marketplace/
page_urls = [
    path("", views.models, name="models"),
]

# /api/v1/marketplace/
api_urls = [
    path("models/", api.ModelListApi.as_view(), name="model-list"),
]
