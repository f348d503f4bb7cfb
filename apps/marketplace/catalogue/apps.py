from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "apps.marketplace.catalogue"
    label = "catalogue"
