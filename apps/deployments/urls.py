from django.urls import URLPattern, path

from apps.deployments import views

# /deployments/
page_urls = [
    path("", views.endpoints, name="endpoints"),
]

# /api/v1/deployments/
api_urls: list[URLPattern] = []
