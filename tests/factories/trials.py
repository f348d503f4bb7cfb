import factory
from factory.django import DjangoModelFactory

from apps.deployments.trials.models import Trial
from tests.factories.accounts import UserFactory
from tests.factories.jobs import JobFactory
from tests.factories.marketplace import ModelRevisionFactory


class TrialFactory(DjangoModelFactory[Trial]):
    class Meta:
        model = Trial

    created_by = factory.SubFactory(UserFactory)
    job = factory.SubFactory(JobFactory, kind="try-model", task="trials.answer")
    revision = factory.SubFactory(ModelRevisionFactory)
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
