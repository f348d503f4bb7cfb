from django.apps import AppConfig


class MarketplaceConfig(AppConfig):
    name = "apps.marketplace"
    label = "marketplace"

    def ready(self) -> None:
        from apps.core.collecting import about_to_collect  # noqa: PLC0415 -- models must be ready
        from apps.marketplace.services.forgetting import forget_uploads  # noqa: PLC0415

        about_to_collect.connect(forget_uploads)
