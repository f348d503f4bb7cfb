import hashlib
import uuid

import factory
from factory.django import DjangoModelFactory

from apps.labeling.models import (
    AllocationRule,
    Annotation,
    Image,
    Label,
    Prediction,
    Project,
    SavedView,
)
from tests.factories.accounts import UserFactory, WorkspaceFactory


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    workspace = factory.SubFactory(WorkspaceFactory)
    created_by = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"project {n}")


class LabelFactory(DjangoModelFactory[Label]):
    class Meta:
        model = Label

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"label {n}")
    color = "#2f7de1"
    position = factory.Sequence(lambda n: n)


def _sha256(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


class ImageFactory(DjangoModelFactory[Image]):
    """A row only; its blobs are not in the store."""

    class Meta:
        model = Image

    project = factory.SubFactory(ProjectFactory)
    created_by = factory.SelfAttribute("project.created_by")
    name = factory.Sequence(lambda n: f"{n:04}.jpg")
    sha256 = factory.Sequence(_sha256)
    size_bytes = 1000
    media_type = "image/jpeg"
    shown_sha256 = factory.SelfAttribute("sha256")
    shown_media_type = "image/jpeg"
    shown_size_bytes = 1000
    thumbnail_sha256 = factory.SelfAttribute("sha256")
    thumbnail_size_bytes = 1000
    width = 640
    height = 480


class AnnotationFactory(DjangoModelFactory[Annotation]):
    class Meta:
        model = Annotation

    image = factory.SubFactory(ImageFactory)
    uid = factory.LazyFunction(uuid.uuid4)
    label = factory.SubFactory(
        LabelFactory, project=factory.SelfAttribute("..image.project")
    )
    x1, y1, x2, y2 = 10.0, 20.0, 110.0, 70.0
    created_by = factory.SelfAttribute("image.created_by")
    updated_by = factory.SelfAttribute("created_by")


class PredictionFactory(DjangoModelFactory[Prediction]):
    class Meta:
        model = Prediction

    image = factory.SubFactory(ImageFactory)
    uid = factory.LazyFunction(uuid.uuid4)
    label = factory.SubFactory(
        LabelFactory, project=factory.SelfAttribute("..image.project")
    )
    score = 0.9
    model = "detector@000000000000"
    job_id = factory.LazyFunction(uuid.uuid4)
    x1, y1, x2, y2 = 12.0, 22.0, 108.0, 69.0


class AllocationRuleFactory(DjangoModelFactory[AllocationRule]):
    class Meta:
        model = AllocationRule

    project = factory.SubFactory(ProjectFactory)


class SavedViewFactory(DjangoModelFactory[SavedView]):
    class Meta:
        model = SavedView

    project = factory.SubFactory(ProjectFactory)
    owner = factory.SelfAttribute("project.created_by")
    name = factory.Sequence(lambda n: f"view {n}")
    query = "state=submitted"
