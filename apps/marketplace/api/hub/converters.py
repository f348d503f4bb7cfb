"""What the addresses of Hub clients are made of."""

from django.urls import register_converter
from django.urls.converters import StringConverter

from apps.marketplace.formats.paths import RESERVED
from apps.marketplace.types import Kind


class KindConverter:
    regex = "models|datasets"

    def to_python(self, value: str) -> Kind:
        return Kind(value.removesuffix("s"))

    def to_url(self, value: Kind) -> str:
        return f"{value}s"


class StateConverter(StringConverter):
    regex = "pending|accepted|rejected"


class OwnerConverter(StringConverter):
    """A namespace: no first word that this server has another use for."""

    regex = f"(?!(?:{'|'.join(sorted(RESERVED))})/)[^/]+"


class HashConverter(StringConverter):
    regex = "[0-9a-f]{64}"


register_converter(KindConverter, "hub_kind")
register_converter(StateConverter, "hub_state")
register_converter(OwnerConverter, "hub_owner")
register_converter(HashConverter, "hub_hash")

REPO = "api/<hub_kind:kind>/<str:namespace>/<str:name>"
