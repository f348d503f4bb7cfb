from django.urls import path

from apps.jobs.consumers import JobConsumer

# /ws/jobs/
websocket_urls = [
    path("<uuid:job_id>/", JobConsumer.as_asgi()),
]
