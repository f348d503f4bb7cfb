from django.urls import path

from apps.core import views

# /
page_urls = [
    path("healthz", views.health, name="health"),
]
