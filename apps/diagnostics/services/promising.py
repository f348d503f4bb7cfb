"""Reports that are measured again by themselves, once what they advised is done."""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.db import transaction

from apps.core.errors import DomainError
from apps.core.queue import enqueue
from apps.diagnostics.models import Promise, Report
from apps.diagnostics.services.starting import measure_again
from apps.jobs.types import JobStatus
from apps.labeling.selectors import count_unsubmitted
from apps.marketplace.selectors import access_model_revision

if TYPE_CHECKING:
    from uuid import UUID

    from apps.accounts.models import User

log = logging.getLogger(__name__)
KEEP = "diagnostics.keep_promises"
# After these a promise may be due.
EVENTS = frozenset({"job.done", "images.submitted", "images.accepted"})


def promise(
    *,
    user: "User",
    report: Report,
    image_ids: Collection[int] = (),
    job_id: "UUID | None" = None,
) -> None:
    """Measure the report again when all images are submitted, or with the job's model."""
    Promise.objects.create(
        report=report, created_by=user, image_ids=list(image_ids), job_id=job_id
    )


def hear(event: str, workspace_id: int, **_signal: Any) -> None:
    """Look after a workspace's promises where something may have made one due."""
    if (
        event in EVENTS
        and Promise.objects.filter(report__workspace_id=workspace_id).exists()
    ):
        enqueue(KEEP, queue="io")


def keep_promises() -> None:
    """Measure again whatever is due; one that cannot be is given up and logged."""
    for pk in list(Promise.objects.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            locked = Promise.objects.select_for_update(skip_locked=True, of=("self",))
            one = locked.select_related("job", "created_by").filter(pk=pk).first()
            if one is None or not _is_due(one):
                continue
            try:
                with transaction.atomic():
                    _keep(one)
            except DomainError as error:
                log.warning("report %d is not measured again: %s", one.report_id, error)
            one.delete()


def _is_due(one: Promise) -> bool:
    if one.job is not None:
        return one.job.status == JobStatus.DONE
    return not count_unsubmitted(one.image_ids)


def _keep(one: Promise) -> None:
    revision_id = None
    if one.job is not None:
        made = one.job.result
        revision_id = access_model_revision(
            user=one.created_by, name=made["model"], revision=made["revision"]
        ).id
    measure_again(user=one.created_by, report_id=one.report_id, revision_id=revision_id)
