import factory
from factory.django import DjangoModelFactory

from apps.marketplace.models import Model, ModelRevision


class ModelFactory(DjangoModelFactory[Model]):
    class Meta:
        model = Model

    name = factory.Sequence(lambda n: f"detector {n}")


class ModelRevisionFactory(DjangoModelFactory[ModelRevision]):
    class Meta:
        model = ModelRevision

    model = factory.SubFactory(ModelFactory)
    revision = factory.Sequence(lambda n: f"{n:064x}")
    directory = "nowhere"
    classes = ["scratch", "dent"]
