"""What a worker writes down about a deployment; every write is fenced by its claim."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from apps.deployments.targets.models import Deployment, Resource
from apps.deployments.targets.services import ledger
from apps.deployments.targets.types import (
    Difference,
    EntryKind,
    ResourceState,
    State,
    Status,
    Step,
)
from apps.jobs import services as jobs
from apps.jobs.types import Claim, EventKind, NewEvent

_VERSION = (
    *("number", "model_name", "model_revision_id", "revision"),
    *("weights_sha256", "options", "plan"),
)


def say(claim: Claim, line: str, *, num_newly_done: int = 0) -> None:
    """Tell whoever watches the job."""
    event = NewEvent(kind=EventKind.LOG, payload={"line": line})
    jobs.report(claim, [event], num_newly_done=num_newly_done)


def intend(claim: Claim, deployment: Deployment, step: Step, *, position: int) -> None:
    """Write down what will be asked for, before it is.

    Raises:
        StaleAttemptError: Another attempt has the job; nothing was written.
    """
    with jobs.fenced(claim):
        row, is_new = Resource.objects.get_or_create(
            deployment=deployment,
            kind=step.kind,
            name=step.name,
            where=step.where,
            defaults={
                "number": deployment.number,
                "position": position,
                "key": step.key,
                "body": dict(step.body),
                "is_kept": step.is_kept,
                "usd_per_hour": step.usd_per_hour,
            },
        )
        if is_new:
            return
        if row.number != deployment.number:
            was_made = row.state == ResourceState.MADE
            row.before = row.body if was_made else None
        if row.state == ResourceState.GONE:
            row.state, row.before = ResourceState.INTENDED, None
        row.number, row.position = deployment.number, position
        row.body, row.usd_per_hour = dict(step.body), step.usd_per_hour
        row.changed_at = timezone.now()
        row.save()


def made(claim: Claim, deployment: Deployment, step: Step, external_id: str) -> None:
    with jobs.fenced(claim):
        _rows(deployment, step).update(
            state=ResourceState.MADE,
            external_id=external_id[:500],
            changed_at=timezone.now(),
        )
        say(claim, f"{step.kind} {step.name}", num_newly_done=1)


def gone(claim: Claim, resource: Resource) -> None:
    with jobs.fenced(claim):
        Resource.objects.filter(pk=resource.pk).update(
            state=ResourceState.GONE, changed_at=timezone.now()
        )
        say(claim, f"removed {resource}")


def went_back(claim: Claim, resource: Resource) -> None:
    """A resource is again as it was before the version that failed."""
    with jobs.fenced(claim):
        number = Deployment.objects.get(pk=resource.deployment_id).served["number"]
        Resource.objects.filter(pk=resource.pk).update(
            body=resource.before, before=None, number=number
        )
        say(claim, f"{resource} as before")


def live(claim: Claim, deployment: Deployment, status: Status) -> None:
    with jobs.fenced(claim):
        deployment.state, deployment.url = State.LIVE, status.url
        deployment.error = deployment.error_code = ""
        deployment.drift, deployment.checked_at = [], timezone.now()
        deployment.served = {name: getattr(deployment, name) for name in _VERSION}
        deployment.save()
        Resource.objects.filter(deployment=deployment).update(before=None)
        ledger.write(deployment, EntryKind.SERVED, actor_id=claim.user_id)
        say(claim, status.url or "live")


def failed(claim: Claim, deployment: Deployment, *, code: str, error: str) -> None:
    """Say what went wrong; where an older version answers on, return to it."""
    with jobs.fenced(claim):
        ledger.write(deployment, EntryKind.FAILED, actor_id=claim.user_id, note=error)
        deployment.state = State.FAILED
        deployment.error, deployment.error_code = error, code
        left = Resource.objects.filter(
            deployment=deployment, number__gt=deployment.served.get("number", 0)
        ).exclude(state=ResourceState.GONE)
        if deployment.served and not left.exists():
            for name in _VERSION:
                setattr(deployment, name, deployment.served[name])
            deployment.state = State.LIVE
        deployment.save()


def checked(
    claim: Claim,
    deployment: Deployment,
    status: Status,
    differences: Sequence[Difference],
) -> None:
    with jobs.fenced(claim):
        told: list[dict[str, Any]] = [asdict(each) for each in differences]
        if told and told != deployment.drift:
            names = ", ".join(f"{each.resource}: {each.field}" for each in differences)
            ledger.write(
                deployment, EntryKind.DRIFTED, actor_id=claim.user_id, note=names
            )
        deployment.drift, deployment.checked_at = told, timezone.now()
        deployment.error = status.reason
        deployment.url = status.url or deployment.url
        deployment.save()
        num = len(told)
        say(claim, f"{status.health}, {f'{num} unlike' if num else 'all as'} planned")


def removed(claim: Claim, deployment: Deployment) -> None:
    with jobs.fenced(claim):
        deployment.state, deployment.drift = State.REMOVED, []
        deployment.error = deployment.error_code = deployment.url = ""
        deployment.save()
        ledger.write(deployment, EntryKind.REMOVED, actor_id=claim.user_id)


def _rows(deployment: Deployment, step: Step) -> QuerySet[Resource]:
    return Resource.objects.filter(
        deployment=deployment, kind=step.kind, name=step.name, where=step.where
    )
