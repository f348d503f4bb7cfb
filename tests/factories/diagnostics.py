import factory
from factory.django import DjangoModelFactory

from apps.diagnostics.models import Report
from tests.factories.jobs import own_job
from tests.factories.marketplace import ModelRevisionFactory


class ReportFactory(DjangoModelFactory[Report]):
    """A report that is done on a version that is given, without any result."""

    class Meta:
        model = Report

    workspace = factory.SelfAttribute("version.project.workspace")
    created_by = factory.SelfAttribute("version.created_by")
    job = own_job(
        kind="diagnose",
        title="Diagnose",
        task="diagnostics.diagnose",
        status="done",
    )
    revision = factory.SubFactory(ModelRevisionFactory)
    model_name = "dsportal/detector@000000000000"
    tools = ["quality"]
    num_images = 1
