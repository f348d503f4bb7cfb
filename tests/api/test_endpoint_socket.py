"""Who looks at an endpoint is told that there is something new, and nobody else."""

import pytest
from channels.db import database_sync_to_async
from django.db import transaction

from apps.accounts.models import User, Workspace
from apps.deployments.models import Release
from apps.deployments.services import endpoints, traffic
from apps.deployments.types import Tally
from tests.api.sockets import opened, session_of
from tests.factories.deployments import EndpointFactory, ReleaseFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("real_layer"),
]


@pytest.fixture
def release(workspace: Workspace) -> Release:
    return ReleaseFactory(endpoint=EndpointFactory(workspace=workspace))


def pause_and_count(user: User, release: Release) -> None:
    endpoints.pause_endpoint(user=user, endpoint_id=release.endpoint_id)
    with transaction.atomic():
        traffic.add_traffic({release.pk: Tally(num=7)})


async def test_changes_and_traffic_are_told(release: Release, alice: User, vera: User):
    cookie = await database_sync_to_async(session_of)(vera)

    async with opened(f"/ws/deployments/{release.endpoint_id}/", cookie) as socket:
        assert await socket.event() == {"type": "watching"}
        await socket.say(text="not even JSON")
        await database_sync_to_async(pause_and_count)(alice, release)
        told = await socket.events(2)
        assert await socket.is_silent()

    poke = {"type": "deployments.poked", "endpoint_id": release.endpoint_id}
    assert told == [poke, poke]


async def test_strangers_are_told_nothing(release: Release, charlie: User):
    path = f"/ws/deployments/{release.endpoint_id}/"
    stranger = await database_sync_to_async(session_of)(charlie)

    async with opened(path) as socket:
        assert (await socket.message())["code"] == 4401
    async with opened(path, stranger) as socket:
        assert (await socket.message())["code"] == 4404
