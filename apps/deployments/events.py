from dataclasses import dataclass
from typing import ClassVar

from apps.core.realtime import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPoked(Event):
    """Something of it changed; carries no content, the page reads anew."""

    type: ClassVar[str] = "deployments.poked"

    endpoint_id: int


def group(endpoint_id: int) -> str:
    return f"endpoint.{endpoint_id}"
