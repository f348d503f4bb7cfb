"""What of a model's lineage was done here: the run that trained it."""

from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.jobs.types import ENDED
from apps.marketplace.selectors.lineage import tells_lineage
from apps.marketplace.selectors.pins import pins_revisions
from apps.marketplace.types import Pin, Relative
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


@pins_revisions
def runs_from(revision_ids: QuerySet[Any, Any]) -> list[Pin]:
    """Those that are not over and begin with one of them."""
    rows = TrainingRun.objects.filter(base_revision__in=revision_ids)
    return [
        Pin(
            kind=_("Training run"),
            title=run.name,
            workspace_id=run.workspace_id,
            url=reverse("training:run", args=[run.pk]),
        )
        for run in rows.exclude(job__status__in=ENDED).order_by("pk")
    ]
