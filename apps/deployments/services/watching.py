"""Who looks at an endpoint's page learns that there is something new."""

from collections.abc import Iterable

from apps.core.realtime import publish
from apps.deployments.events import EndpointPoked, group
from apps.deployments.models import Release


def poke(endpoint_id: int) -> None:
    """Tell the watchers of an endpoint, once this transaction commits."""
    publish(group(endpoint_id), EndpointPoked(endpoint_id=endpoint_id))


def poke_of(release_ids: Iterable[int]) -> None:
    """Tell the watchers of the endpoints that some releases belong to."""
    releases = Release.objects.filter(pk__in=list(release_ids))
    for endpoint_id in releases.values_list("endpoint_id", flat=True).distinct():
        poke(endpoint_id)
