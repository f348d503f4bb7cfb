import hashlib
from typing import Any

import factory
from factory.django import DjangoModelFactory

from apps.marketplace.models import Model, ModelRevision, Namespace
from apps.marketplace.types import OWN_FORMAT, Visibility


class NamespaceFactory(DjangoModelFactory[Namespace]):
    class Meta:
        model = Namespace
        django_get_or_create = ("name",)

    name = "dsportal"


class ModelFactory(DjangoModelFactory[Model]):
    class Meta:
        model = Model

    namespace = factory.SubFactory(NamespaceFactory)
    name = factory.Sequence(lambda n: f"detector-{n}")
    visibility = Visibility.PUBLIC
    task = "object-detection"


class ModelRevisionFactory(DjangoModelFactory[ModelRevision]):
    """A revision without files, at the head of its model."""

    class Meta:
        model = ModelRevision
        skip_postgeneration_save = True

    model = factory.SubFactory(ModelFactory)
    revision = factory.Sequence(lambda n: hashlib.sha1(b"%d" % n).hexdigest())  # noqa: S324 -- git's
    title = "First"
    format = OWN_FORMAT
    classes = ["scratch", "dent"]

    @factory.post_generation
    def head(self: ModelRevision, _create: bool, _given: Any, **_more: Any) -> None:  # noqa: FBT001 -- factory_boy's
        Model.objects.filter(pk=self.model_id).update(head=self)
