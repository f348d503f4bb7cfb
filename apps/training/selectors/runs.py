from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.training.models import RunSeries, TrainingRun

if TYPE_CHECKING:
    from apps.accounts.models import User

MOST_COMPARED = 6


def list_runs(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[TrainingRun]:
    """The runs of the user's workspaces, newest first."""
    runs = TrainingRun.objects.filter(workspace__memberships__user=user)
    if workspace_id is not None:
        runs = runs.filter(workspace_id=workspace_id)
    return _whole(runs).order_by("-created_at", "-pk")


def access_run(
    *, user: "User", run_id: int, needs: Role = Role.VIEWER, lock: bool = False
) -> TrainingRun:
    """Return a run that the user may act on.

    Raises:
        NotFoundError: No such run, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    runs = _whole(TrainingRun.objects.all())
    if lock:
        runs = runs.select_for_update(of=("self",))
    run = runs.filter(pk=run_id).first()
    role = role_in(user=user, workspace_id=run.workspace_id) if run else None
    if run is None or role is None:
        raise NotFoundError(_("training run not found"))
    check_role(role, needs)
    return run


def _whole(runs: QuerySet[TrainingRun]) -> QuerySet[TrainingRun]:
    return runs.select_related(
        "job",
        "created_by",
        "dataset_version__project",
        "base_revision__model__namespace",
        "result_revision__model__namespace",
    )


def series_of(*, run_id: int, names: Sequence[str] = ()) -> list[RunSeries]:
    """The curves of a run, all or those named."""
    rows = RunSeries.objects.filter(run_id=run_id)
    if names:
        rows = rows.filter(name__in=names)
    return list(rows.order_by("name"))


def series_of_runs(*, run_ids: Sequence[int], name: str) -> dict[int, RunSeries]:
    """One curve of several runs, by run."""
    rows = RunSeries.objects.filter(run_id__in=run_ids, name=name)
    return {row.run_id: row for row in rows}


def runs_to_compare(*, user: "User", ids: Sequence[int]) -> list[TrainingRun]:
    """The runs among those asked for that the user may see, in that order, not many."""
    found = {
        run.pk: run
        for run in list_runs(user=user).filter(pk__in=list(ids)[:MOST_COMPARED])
    }
    return [found[pk] for pk in dict.fromkeys(ids) if pk in found]
