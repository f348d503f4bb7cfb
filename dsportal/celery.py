import os
from typing import Any

from celery import Celery, signals

from dsportal import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dsportal.settings.dev")

app = Celery("dsportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.set_default()


@signals.worker_process_init.connect
def trace(**_kwargs: Any) -> None:
    tracing.start("dsportal-worker")
