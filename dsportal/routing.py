from channels.routing import URLRouter
from django.urls import path

from apps.deployments import routing as deployments
from apps.jobs import routing as jobs

websocket_urlpatterns = [
    path("ws/jobs/", URLRouter(jobs.websocket_urls)),
    path("ws/deployments/", URLRouter(deployments.websocket_urls)),
]
