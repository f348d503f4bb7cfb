from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.jobs.models import Job
from tests.factories.accounts import UserFactory, WorkspaceFactory


class JobFactory(DjangoModelFactory[Job]):
    class Meta:
        model = Job

    workspace = factory.SubFactory(WorkspaceFactory)
    created_by = factory.SubFactory(UserFactory)
    kind = "prelabel"
    title = "Pre-label Production line"
    task = "labeling.prelabel"


def own_job(**fields: Any) -> Any:
    """The job of a row, in its workspace and by its person."""
    return factory.SubFactory(
        JobFactory,
        workspace=factory.SelfAttribute("..workspace"),
        created_by=factory.SelfAttribute("..created_by"),
        **fields,
    )
