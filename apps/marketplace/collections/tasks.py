from typing import Any

from django.dispatch import receiver

from apps.core.upkeep import upkeep
from apps.marketplace.collections import services


@receiver(upkeep)
def purge_overdue(**_signal: Any) -> None:
    services.purge_collections()
