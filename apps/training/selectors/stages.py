from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.stages import Stage
from apps.jobs.types import JobStatus
from apps.training.models import TrainingRun

if TYPE_CHECKING:
    from apps.accounts.models import User


def training_stage(_user: "User", project_id: int) -> Stage:
    """The newest run on a project's data."""
    run = (
        TrainingRun.objects.filter(dataset_version__project_id=project_id)
        .select_related("job")
        .order_by("-pk")
        .first()
    )
    if run is None:
        return Stage(
            icon="train",
            title=_("Train"),
            says=_("No run yet"),
            action=_("Train a model on it"),
            url=f"{reverse('training:new')}?project={project_id}",
        )
    status = JobStatus(run.job.status)
    says = {
        JobStatus.DONE: _("{name}: AP {ap}").format(
            name=run.name, ap=f"{run.best.get('AP', 0):.2f}"
        ),
        JobStatus.FAILED: _("{name} failed").format(name=run.name),
        JobStatus.CANCELLED: _("{name} was cancelled").format(name=run.name),
    }
    done, total = run.job.num_done, run.job.num_total
    running = _("{name}: {percent} %").format(
        name=run.name, percent=round(100 * done / total) if total else 0
    )
    return Stage(
        icon="train",
        title=_("Train"),
        says=says.get(status, running),
        action=_("Open the run"),
        url=reverse("training:run", args=[run.pk]),
        state="done" if status == JobStatus.DONE else "now",
    )
