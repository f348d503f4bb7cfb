import factory
from factory.django import DjangoModelFactory

from apps.diagnostics.evaluations.models import Evaluation
from apps.diagnostics.transfer.models import TransferSearch
from tests.factories.jobs import own_job
from tests.factories.marketplace import ModelRevisionFactory


class EvaluationFactory(DjangoModelFactory[Evaluation]):
    """One that waits, on a version that is given."""

    class Meta:
        model = Evaluation

    workspace = factory.SelfAttribute("version.project.workspace")
    created_by = factory.SelfAttribute("version.created_by")
    job = own_job(
        kind="evaluate",
        task="evaluations.evaluate",
    )
    revision = factory.SubFactory(ModelRevisionFactory)
    split = "val"


class TransferSearchFactory(DjangoModelFactory[TransferSearch]):
    """One that waits, on a version that is given."""

    class Meta:
        model = TransferSearch

    workspace = factory.SelfAttribute("version.project.workspace")
    created_by = factory.SelfAttribute("version.created_by")
    job = own_job(
        kind="transfer-search",
        task="transfer.search",
    )
    image_ids = factory.LazyFunction(list)
