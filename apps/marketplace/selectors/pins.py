"""What still runs from a repository and keeps it after its deletion; each room above tells."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.jobs.selectors import list_unended
from apps.marketplace.models import Model, ModelRevision
from apps.marketplace.types import READS, Pin

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.jobs.models import Job

Teller = Callable[[QuerySet[Any, Any]], list[Pin]]
_tellers: list[Teller] = []


def pins_revisions(teller: Teller) -> Teller:
    """Mark what tells which of a room's things need the files of some revisions.

    It is given the revisions' ids as a query, stands among a room's selectors, which are
    loaded at the start, and tells of everybody's things.
    """
    _tellers.append(teller)
    return teller


@pins_revisions
def jobs_reading(revision_ids: QuerySet[Any, Any]) -> list[Pin]:
    """Jobs that are not over and read files of some revisions."""
    reading = [(job, read) for job, read in _reads() if read]
    ids = set(revision_ids.values_list("pk", flat=True)) if reading else set()
    return [
        Pin(
            kind=_("Job"),
            title=job.title,
            workspace_id=job.workspace_id,
            url=reverse("jobs:job", args=[job.pk]),
        )
        for job, read in reading
        if not ids.isdisjoint(read)
    ]


def read_by_jobs() -> set[int]:
    """Ids of all revisions whose files a job that is not over reads."""
    return {pk for _job, read in _reads() for pk in read}


def _reads() -> list[tuple["Job", set[int]]]:
    """What jobs said that they read when they were made, and what they made meanwhile."""
    jobs = list(list_unended())
    made = dict(
        ModelRevision.objects.filter(job_id__in=[job.pk for job in jobs]).values_list(
            "job_id", "pk"
        )
    )
    return [
        (job, {*job.params.get(READS, ()), *filter(None, [made.get(job.pk)])})
        for job in jobs
    ]


def pins_of(model: Model) -> list[Pin]:
    """All that needs a repository's files, whoever it belongs to."""
    ids = ModelRevision.objects.filter(model=model).values("pk")
    return [pin for teller in _tellers for pin in teller(ids)]


def pins_for(user: "User", *, model: Model) -> tuple[list[Pin], int]:
    """Those of the user's workspaces, and how many others there are."""
    mine = set(user.memberships.values_list("workspace_id", flat=True))
    found = pins_of(model)
    seen = [pin for pin in found if pin.workspace_id in mine]
    return seen, len(found) - len(seen)
