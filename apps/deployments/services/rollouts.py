"""Moving new versions on, stage by stage, or back; run by the keeper every second."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.deployments import selectors
from apps.deployments.models import Endpoint, Release, Replica
from apps.deployments.services import ledger
from apps.deployments.services.releases import drop_candidate, make_stable
from apps.deployments.services.sequential import SequentialTest, Verdict
from apps.deployments.types import LedgerKind, ReleaseState, ReplicaState, Stage

ERRORS = SequentialTest(fine=0.01, bad=0.05)
SLOWNESS = SequentialTest(fine=0.10, bad=0.30)
DISAGREEMENT = SequentialTest(fine=0.10, bad=0.30)
_BASELINE = timedelta(minutes=10)
_SLOW_SHARE = 2.0  # a candidate may take this many times the stable version's p95


def advance_all() -> int:
    """Look at every version on its way; returns how many moved."""
    return sum(_advance(endpoint.pk) for endpoint in selectors.rolling_out())


@transaction.atomic
def _advance(endpoint_id: int) -> bool:
    endpoint = (
        Endpoint.objects.select_for_update(of=("self",))
        .select_related("stable", "candidate")
        .filter(pk=endpoint_id, deleted_at=None)
        .first()
    )
    if endpoint is None or endpoint.candidate is None:
        return False
    candidate = endpoint.candidate
    if candidate.state == ReleaseState.FAILED:
        if endpoint.stable is None:
            return False  # it stays, with its reason, until a person acts
        drop_candidate(endpoint, note=candidate.error)
        return True
    if candidate.state != ReleaseState.READY:
        return False
    if endpoint.stage == Stage.WAITING:
        _begin(endpoint)
        return True
    return _judge(endpoint)


def _begin(endpoint: Endpoint) -> None:
    """The candidate answers; either it takes over, or its probation begins."""
    if not endpoint.is_gradual or endpoint.stable is None:
        make_stable(endpoint)
        return
    before = selectors.figures(
        release_ids=[endpoint.stable.pk], since=timezone.now() - _BASELINE
    )
    endpoint.slow_ms = (before.p95_ms or 0.0) * _SLOW_SHARE
    _enter(endpoint, Stage.SHADOW, LedgerKind.SHADOWED, note="")


def _enter(endpoint: Endpoint, stage: Stage, kind: LedgerKind, *, note: str) -> None:
    endpoint.stage, endpoint.stage_at = stage, timezone.now()
    endpoint.save(update_fields=["stage", "stage_at", "slow_ms", "updated_at"])
    assert endpoint.candidate is not None
    ledger.write(endpoint, kind, actor=endpoint.candidate.created_by, note=note)


def _judge(endpoint: Endpoint) -> bool:
    assert endpoint.candidate is not None
    # Buckets begin on full ten seconds; one that began before the stage is left out.
    counts = selectors.counted(
        release_id=endpoint.candidate.pk, since=endpoint.stage_at
    )
    verdicts = verdicts_on(counts, has_slow_limit=endpoint.slow_ms > 0)
    bad = [name for name, verdict in verdicts.items() if verdict is Verdict.BAD]
    told = (
        f"{counts['num']} requests, {counts['num_errors']} errors, "
        f"{counts['num_slow']} slow, {counts['num_agreed']} of "
        f"{counts['num_compared']} agree"
    )
    if bad:
        drop_candidate(endpoint, note=f"{', '.join(bad)} ({told})")
        return True
    if any(verdict is Verdict.OPEN for verdict in verdicts.values()):
        return False
    if endpoint.stage == Stage.SHADOW:
        _enter(endpoint, Stage.CANARY, LedgerKind.SPLIT, note=told)
    else:
        make_stable(endpoint, note=told)
    return True


def verdicts_on(counts: dict[str, int], *, has_slow_limit: bool) -> dict[str, Verdict]:
    """Each question's verdict on the counts so far.

    Where nothing can be compared, as with bare tensors, by the time that errors are
    judged, agreement is no question.
    """
    num_answered = counts["num"] - counts["num_errors"]
    errors = ERRORS.judge(num_bad=counts["num_errors"], num=counts["num"])
    verdicts = {"too many errors": errors}
    if counts["num_compared"] or errors is not Verdict.GOOD:
        verdicts["answers differ"] = DISAGREEMENT.judge(
            num_bad=counts["num_compared"] - counts["num_agreed"],
            num=counts["num_compared"],
        )
    if has_slow_limit:
        verdicts["too slow"] = SLOWNESS.judge(
            num_bad=counts["num_slow"], num=num_answered
        )
    return verdicts


@transaction.atomic
def note_readiness(*, release_id: int) -> None:
    """A release is ready when one replica of it answers; more only make it faster."""
    answers = Replica.objects.filter(
        release_id=release_id, state__in=[ReplicaState.READY, ReplicaState.ASLEEP]
    ).exists()
    if answers:
        Release.objects.filter(
            pk=release_id, state__in=[ReleaseState.STARTING, ReleaseState.FAILED]
        ).update(state=ReleaseState.READY, error="")


@transaction.atomic
def note_failure(*, release_id: int, error: str) -> None:
    """A release that never answered is given up, with the reason."""
    Release.objects.filter(pk=release_id, state=ReleaseState.STARTING).update(
        state=ReleaseState.FAILED, error=error
    )


@transaction.atomic
def retire_replaced() -> int:
    """End versions whose successors every gateway knows by now."""
    return Release.objects.filter(is_wanted=True, retire_at__lte=timezone.now()).update(
        is_wanted=False, state=ReleaseState.RETIRED, retire_at=None
    )
