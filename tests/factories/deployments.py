from datetime import timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from apps.deployments.models import Endpoint, Release, Replica
from apps.deployments.types import ReleaseState, ReplicaState
from tests.factories.accounts import WorkspaceFactory


class EndpointFactory(DjangoModelFactory[Endpoint]):
    class Meta:
        model = Endpoint

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Line 3"
    slug = factory.Sequence(lambda n: f"line-{n}")


class ReleaseFactory(DjangoModelFactory[Release]):
    class Meta:
        model = Release

    endpoint = factory.SubFactory(EndpointFactory)
    number = factory.Sequence(lambda n: n + 1)
    model_name = "detector"
    model_revision_id = 1
    revision = factory.Sequence(lambda n: f"{n:012x}")
    directory = "/nowhere"
    weights_sha256 = factory.Sequence(lambda n: f"{n:064x}")
    state = ReleaseState.READY


class ReplicaFactory(DjangoModelFactory[Replica]):
    """One that was seen just now, however slow the machine of the tests is."""

    class Meta:
        model = Replica

    release = factory.SubFactory(ReleaseFactory)
    index = 0
    state = ReplicaState.READY
    port = 1
    seen_at = factory.LazyFunction(lambda: timezone.now() + timedelta(hours=1))
