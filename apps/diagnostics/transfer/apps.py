from django.apps import AppConfig


class TransferConfig(AppConfig):
    name = "apps.diagnostics.transfer"
    label = "transfer"
