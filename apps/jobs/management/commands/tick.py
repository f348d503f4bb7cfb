import logging
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from apps.jobs import services

logger = logging.getLogger(__name__)
INTERVAL_S = 5


class Command(BaseCommand):
    help = "Give lost jobs back and remind the broker of waiting ones, for ever."

    def handle(self, *_args: Any, **_options: Any) -> None:
        pause = threading.Event()
        while True:
            try:
                num = services.requeue_lost_jobs()
                if num:
                    logger.info("acted on %s jobs that nobody held", num)
            except DatabaseError as exc:
                logger.warning("the database is away, trying again: %s", exc)
                connection.close()
            pause.wait(INTERVAL_S)
