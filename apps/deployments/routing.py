from django.urls import path

from apps.deployments.consumers import EndpointConsumer

# /ws/deployments/
websocket_urls = [
    path("<int:endpoint_id>/", EndpointConsumer.as_asgi()),
]
