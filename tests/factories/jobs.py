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
