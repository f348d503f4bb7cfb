from django.apps import AppConfig


class TrialsConfig(AppConfig):
    name = "apps.deployments.trials"
    label = "trials"
