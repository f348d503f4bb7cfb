from django.apps import AppConfig


class DeploymentsConfig(AppConfig):
    name = "apps.deployments"
    label = "deployments"

    def ready(self) -> None:
        from apps.core.stages import tell_stage  # noqa: PLC0415 -- models must be ready
        from apps.deployments.selectors import deploying_stage  # noqa: PLC0415

        tell_stage(3, deploying_stage)
