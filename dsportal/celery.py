import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dsportal.settings.dev")

app = Celery("dsportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()
