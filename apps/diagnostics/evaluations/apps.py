from django.apps import AppConfig


class EvaluationsConfig(AppConfig):
    name = "apps.diagnostics.evaluations"
    label = "evaluations"
