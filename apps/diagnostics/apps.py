from django.apps import AppConfig


class DiagnosticsConfig(AppConfig):
    name = "apps.diagnostics"
    label = "diagnostics"

    def ready(self) -> None:
        from apps.core.happenings import happened  # noqa: PLC0415 -- models must be ready
        from apps.diagnostics.services.promising import hear  # noqa: PLC0415

        happened.connect(hear)
