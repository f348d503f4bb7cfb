"""What of a model's lineage was done here: the run that trained it."""

from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.marketplace.selectors.lineage import tells_lineage
from apps.marketplace.types import Relative
from apps.training.models import TrainingRun

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.marketplace.types import ModelRevisionInfo


@tells_lineage("work")
def run_of_model(user: "User", revision: "ModelRevisionInfo") -> list[Relative]:
    if revision.lineage is None or revision.lineage.job_id is None:
        return []
    runs = TrainingRun.objects.filter(
        job_id=revision.lineage.job_id, workspace__memberships__user=user
    )
    return [
        Relative(
            kind=_("Training run"),
            title=run.name,
            says=run.preset,
            url=reverse("training:run", args=[run.pk]),
        )
        for run in runs
    ]
