from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "apps.accounts.webhooks"
    label = "webhooks"
