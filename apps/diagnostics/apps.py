from django.apps import AppConfig


class DiagnosticsConfig(AppConfig):
    name = "apps.diagnostics"
    label = "diagnostics"

    def ready(self) -> None:
        from apps.core.stages import tell_stage  # noqa: PLC0415 -- models must be ready
        from apps.diagnostics.selectors.stages import (  # noqa: PLC0415
            diagnosis_stage,
        )

        tell_stage(2, diagnosis_stage)
