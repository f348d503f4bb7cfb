from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    name = "apps.marketplace.feedback"
    label = "feedback"
