from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.core.stages import Stage, tells_stage
from apps.jobs.selectors import standing_of
from apps.training.models import TrainingRun

if TYPE_CHECKING:
    from apps.accounts.models import User


@tells_stage(1)
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
            says=_("no run yet"),
            action=_("Train a model on it"),
            url=f"{reverse('training:new')}?project={project_id}",
        )
    standing = standing_of(
        run.job,
        name=run.name,
        when_done=_("{name}: AP {ap}").format(
            name=run.name, ap=f"{run.best.get('AP', 0):.2f}"
        ),
    )
    return Stage(
        icon="train",
        title=_("Train"),
        says=standing.says,
        action=_("Open the run"),
        url=reverse("training:run", args=[run.pk]),
        state=standing.state,
    )
