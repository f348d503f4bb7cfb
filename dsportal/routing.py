from channels.routing import URLRouter
from django.urls import path

from apps.jobs import routing as jobs

websocket_urlpatterns = [
    path("ws/jobs/", URLRouter(jobs.websocket_urls)),
]
