from django.urls import path

from apps.accounts.webhooks import api, views

# /settings/
page_urls = [
    path("webhooks/", views.webhooks, name="webhooks"),
    path("webhooks/<int:webhook_id>/", views.webhook, name="webhook"),
]

# /api/v1/accounts/
_hooks = "workspaces/<int:workspace_id>/webhooks/"
api_urls = [
    path(_hooks, api.WebhookListApi.as_view(), name="webhook-list"),
    path(f"{_hooks}<int:webhook_id>/", api.WebhookApi.as_view(), name="webhook"),
    path(f"{_hooks}<int:webhook_id>/ping/", api.PingApi.as_view(), name="webhook-ping"),
    path(
        f"{_hooks}<int:webhook_id>/deliveries/",
        api.DeliveryListApi.as_view(),
        name="webhook-deliveries",
    ),
]
