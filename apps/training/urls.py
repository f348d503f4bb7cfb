from django.urls import URLPattern, path

from apps.training import views

# /training/
page_urls = [
    path("", views.runs, name="runs"),
]

# /api/v1/training/
api_urls: list[URLPattern] = []
