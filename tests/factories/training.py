import factory
from factory.django import DjangoModelFactory

from apps.training.models import TrainingRun
from tests.factories.jobs import JobFactory


class TrainingRunFactory(DjangoModelFactory[TrainingRun]):
    """A run of a dataset version that is given; nothing has been trained."""

    class Meta:
        model = TrainingRun

    workspace = factory.SelfAttribute("dataset_version.project.workspace")
    created_by = factory.SelfAttribute("dataset_version.created_by")
    job = factory.SubFactory(
        JobFactory,
        workspace=factory.SelfAttribute("..workspace"),
        created_by=factory.SelfAttribute("..created_by"),
        kind="train",
        title="Train Parts",
        task="training.run",
    )
    name = "Parts"
    preset = "fast"
    device = "cpu"
    recipe = factory.LazyFunction(lambda: {"size": "small", "side_px": 256})
