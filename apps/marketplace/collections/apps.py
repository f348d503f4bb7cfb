from django.apps import AppConfig


class CollectionsConfig(AppConfig):
    name = "apps.marketplace.collections"
    label = "collections"
