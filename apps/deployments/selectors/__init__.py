from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Max, Prefetch, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.selectors import check_role, role_in
from apps.accounts.types import Role
from apps.core.errors import NotFoundError
from apps.core.stages import Stage, tells_stage
from apps.deployments.errors import NoReplicaError
from apps.deployments.models import (
    Endpoint,
    EndpointKey,
    LedgerEntry,
    Release,
    Replica,
    Sample,
    Sampling,
    Traffic,
)
from apps.deployments.selectors import telling as telling
from apps.deployments.types import (
    LATENCY_MS,
    USUAL_SCORE,
    Figures,
    KeyLimits,
    ReleaseState,
    ReplicaPlan,
    Route,
    SampleReason,
    Served,
)
from apps.deployments.types import (
    Stage as RolloutStage,
)
from apps.labeling.selectors.versions import versions_of
from apps.marketplace.selectors import access_model_revision, trained_on

if TYPE_CHECKING:
    from apps.accounts.models import User

SHADOW_SHARE = 100
BUCKET_S = 10


def list_endpoints(
    *, user: "User", workspace_id: int | None = None
) -> QuerySet[Endpoint]:
    """The endpoints of the user's workspaces, newest first."""
    endpoints = Endpoint.objects.visible_to(user.pk)
    if workspace_id is not None:
        endpoints = endpoints.filter(workspace_id=workspace_id)
    newest = Release.objects.order_by("-number").prefetch_related("replicas")
    return (
        endpoints.select_related("stable", "candidate", "created_by")
        .prefetch_related(Prefetch("releases", queryset=newest))
        .order_by("-pk")
    )


def access_endpoint(
    *, user: "User", endpoint_id: int, needs: Role = Role.VIEWER, lock: bool = False
) -> Endpoint:
    """Return an endpoint that the user may act on.

    Raises:
        NotFoundError: No such endpoint, or of strangers.
        RoleTooLowError: A member whose role does not reach.
    """
    endpoints = Endpoint.objects.filter(pk=endpoint_id, deleted_at=None)
    if lock:
        endpoints = endpoints.select_for_update(of=("self",))
    endpoint = endpoints.select_related("stable", "candidate", "workspace").first()
    role = role_in(user=user, workspace_id=endpoint.workspace_id) if endpoint else None
    if endpoint is None or role is None:
        raise NotFoundError(_("endpoint not found"))
    check_role(role, needs)
    return endpoint


def list_replicas(*, endpoint_id: int) -> list[Replica]:
    rows = Replica.objects.filter(
        release__endpoint_id=endpoint_id, release__is_wanted=True
    )
    return list(rows.select_related("release").order_by("release__number", "index"))


def port_of(endpoint: Endpoint) -> int:
    """Return where a replica of the version that serves answers, on this host.

    Raises:
        NoReplicaError: None does, or not yet.
    """
    serving = endpoint.stable_id or endpoint.candidate_id
    for each in list_replicas(endpoint_id=endpoint.pk):
        if each.release_id == serving and each.answers:
            return each.port
    raise NoReplicaError(_("No replica answers yet; try again in a moment."))


def list_releases(*, endpoint_id: int) -> QuerySet[Release]:
    return (
        Release.objects.filter(endpoint_id=endpoint_id)
        .select_related("created_by")
        .order_by("-number")
    )


def find_sampling(*, endpoint_id: int) -> Sampling | None:
    return (
        Sampling.objects.filter(endpoint_id=endpoint_id)
        .select_related("project", "agreed_by")
        .first()
    )


def waiting_samples(*, endpoint_id: int) -> QuerySet[Sample]:
    """Pictures that no labeler has got yet, the most urgent first, then the newest."""
    return Sample.objects.filter(endpoint_id=endpoint_id, taken_at=None).order_by(
        "-urgency", "-pk"
    )


def count_samples(*, endpoint_id: int) -> dict[str, int]:
    """How many pictures wait, by their reason, and how many labelers got in all."""
    rows = Sample.objects.filter(endpoint_id=endpoint_id, taken_at=None)
    waiting = dict(rows.values_list("reason").annotate(Count("pk")))
    taken = Sample.objects.filter(endpoint_id=endpoint_id).exclude(taken_at=None)
    return {
        **dict.fromkeys((reason.value for reason in SampleReason), 0),
        **waiting,
        "taken": taken.count(),
    }


def sampled_endpoints() -> list[int]:
    """Endpoints whose pictures wait for labelers."""
    waiting = Sample.objects.filter(
        taken_at=None, endpoint__deleted_at=None, endpoint__sampling__isnull=False
    )
    return list(waiting.values_list("endpoint_id", flat=True).distinct())


def list_keys(*, endpoint_id: int) -> QuerySet[EndpointKey]:
    return EndpointKey.objects.filter(
        endpoint_id=endpoint_id, revoked_at=None
    ).order_by("pk")


def list_ledger(*, endpoint_id: int) -> QuerySet[LedgerEntry]:
    return (
        LedgerEntry.objects.filter(endpoint_id=endpoint_id)
        .select_related("actor")
        .order_by("-at", "-pk")
    )


def served_at(*, endpoint_id: int, moment: datetime) -> Served | None:
    """Who answered at a moment; None before the endpoint was made."""
    entry = list_ledger(endpoint_id=endpoint_id).filter(at__lte=moment).first()
    if entry is None:
        return None
    return Served(at=entry.at, kind=entry.kind, split=entry.split)


def before_stable(*, endpoint: Endpoint) -> Release | None:
    """The version that one click returns to: the one that served before."""
    if endpoint.stable is None:
        return None
    for entry in list_ledger(endpoint_id=endpoint.pk)[:200]:
        for part in entry.split:
            if part["share"] == 100 and part["release"] != endpoint.stable.number:
                return Release.objects.filter(
                    endpoint=endpoint, number=part["release"]
                ).first()
    return None


def figures(
    *, release_ids: Sequence[int], since: datetime, until: datetime | None = None
) -> Figures:
    """Traffic of some releases over a while."""
    rows = Traffic.objects.filter(release_id__in=release_ids, at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    cells = [0] * (len(LATENCY_MS) + 1)
    num = errors = retried = 0
    for row in rows:
        num, errors = num + row.num, errors + row.num_errors
        retried += row.num_retried
        cells = [a + b for a, b in zip(cells, row.histogram, strict=True)]
    seconds = max(1.0, ((until or timezone.now()) - since).total_seconds())
    return Figures(
        num=num,
        num_errors=errors,
        num_retried=retried,
        per_s=num / seconds,
        p50_ms=_percentile(cells, 0.5),
        p95_ms=_percentile(cells, 0.95),
        p99_ms=_percentile(cells, 0.99),
    )


def history(*, release_ids: Sequence[int], minutes: int = 15) -> list[Figures]:
    """One row a half minute, oldest first."""
    step = timedelta(seconds=30)
    now = timezone.now()
    start = now - timedelta(minutes=minutes)
    rows = list(
        Traffic.objects.filter(release_id__in=release_ids, at__gte=start).order_by("at")
    )
    result = []
    while start < now:
        part = [row for row in rows if start <= row.at < start + step]
        cells = [
            sum(each) for each in zip(*(row.histogram for row in part), strict=True)
        ]
        num = sum(row.num for row in part)
        result.append(
            Figures(
                num=num,
                num_errors=sum(row.num_errors for row in part),
                num_retried=sum(row.num_retried for row in part),
                per_s=num / step.total_seconds(),
                p50_ms=_percentile(cells, 0.5),
                p95_ms=_percentile(cells, 0.95),
                p99_ms=_percentile(cells, 0.99),
            )
        )
        start += step
    return result


def history_of(*, endpoint_id: int, minutes: int = 15) -> list[Figures]:
    """All answers of an endpoint, whichever version gave them."""
    pks = Release.objects.filter(endpoint_id=endpoint_id).values_list("pk", flat=True)
    return history(release_ids=list(pks), minutes=minutes)


def _percentile(cells: Sequence[int], share: float) -> float | None:
    """The upper end of the cell that holds a share of all requests."""
    wanted, seen = share * sum(cells), 0
    if not wanted:
        return None
    for cell, num in enumerate(cells):
        seen += num
        if seen >= wanted:
            return float(LATENCY_MS[min(cell, len(LATENCY_MS) - 1)])
    return float(LATENCY_MS[-1])


def counted(*, release_id: int, since: datetime) -> dict[str, int]:
    """What the judge reads: sums over a candidate's stage."""
    names = ("num", "num_errors", "num_slow", "num_compared", "num_agreed")
    sums = Traffic.objects.filter(release_id=release_id, at__gte=since).aggregate(
        **{f"sum_{name}": Sum(name, default=0) for name in names}
    )
    return {name: sums[f"sum_{name}"] for name in names}


def per_minute(*, workspace_id: int) -> dict[int, int]:
    """Answers of the last minute by endpoint; those that gave none are left out."""
    since = timezone.now() - timedelta(minutes=1)
    rows = (
        Traffic.objects.filter(
            release__endpoint__workspace_id=workspace_id, at__gte=since
        )
        .values_list("release__endpoint")
        .annotate(total=Sum("num"))
    )
    return dict(rows)


def idle_seconds() -> dict[int, float]:
    """Seconds since each release was last asked, where sleeping is allowed."""
    rows = (
        Traffic.objects.filter(release__is_wanted=True)
        .exclude(release__endpoint__sleep_after_s=0)
        .values_list("release_id")
        .annotate(last=Max("at"))
    )
    now = timezone.now()
    return {pk: (now - last).total_seconds() - BUCKET_S for pk, last in rows}


def wanted_replicas() -> list[ReplicaPlan]:
    """Every process that should run on this host now."""
    releases = Release.objects.filter(
        is_wanted=True, endpoint__deleted_at=None, endpoint__is_paused=False
    ).exclude(state=ReleaseState.FAILED)
    return [
        ReplicaPlan(
            release_id=release.pk,
            model_revision_id=release.model_revision_id,
            index=index,
            label=f"{release.endpoint.slug}:{release.revision[:12]}",
            directory=release.directory,
            num_threads=release.endpoint.num_threads,
            sleep_after_s=release.endpoint.sleep_after_s,
            weights_sha256=release.weights_sha256,
        )
        for release in releases.select_related("endpoint").order_by("pk")
        for index in range(release.endpoint.num_replicas)
    ]


def rolling_out() -> list[Endpoint]:
    """Endpoints with a version on its way."""
    return list(
        Endpoint.objects.filter(deleted_at=None, is_paused=False)
        .exclude(candidate=None)
        .select_related("stable", "candidate")
        .order_by("pk")
    )


@tells_stage(3)
def deploying_stage(_user: "User", project_id: int) -> Stage:
    """The newest endpoint that serves what was trained on a project's data."""
    versions = versions_of(project_id=project_id).order_by().values("pk")
    endpoint = (
        Endpoint.objects.filter(
            deleted_at=None,
            stable__model_revision_id__in=trained_on(version_ids=versions),
        )
        .order_by("-pk")
        .first()
    )
    if endpoint is None:
        return Stage(
            icon="deploy",
            title=_("Deploy"),
            says=_("no endpoint yet"),
            action=_("Deploy a model"),
            url=reverse("deployments:new"),
        )
    says = _("{name} is paused") if endpoint.is_paused else _("{name} serves it")
    return Stage(
        icon="deploy",
        title=_("Deploy"),
        says=says.format(name=endpoint.name),
        action=_("Open the endpoint"),
        url=reverse("deployments:endpoint", args=[endpoint.pk]),
        state="now" if endpoint.is_paused else "done",
    )


def routes() -> dict[str, Route]:
    """Where the requests of each endpoint go now; five queries, however many."""
    endpoints = list(Endpoint.objects.filter(deleted_at=None))
    ports: dict[int, list[int]] = {}
    versions: dict[int, str] = {}
    rows = Replica.objects.filter(release__is_wanted=True).select_related("release")
    for row in rows:
        versions[row.release_id] = row.release.revision[:12]
        if row.answers:
            ports.setdefault(row.release_id, []).append(row.port)
    keys: dict[int, dict[str, KeyLimits]] = {}
    for key in EndpointKey.objects.filter(revoked_at=None):
        keys.setdefault(key.endpoint_id, {})[key.key_sha256] = KeyLimits(
            key_id=key.pk, per_minute=key.per_minute, per_day=key.per_day
        )
    sampled = set(Sampling.objects.values_list("endpoint_id", flat=True))
    return {
        each.slug: Route(
            endpoint_id=each.pk,
            slug=each.slug,
            is_paused=each.is_paused,
            stable=each.stable_id,
            candidate=each.candidate_id,
            share=each.share,
            shadow=SHADOW_SHARE if each.stage == RolloutStage.SHADOW else 0,
            slow_ms=each.slow_ms,
            ports={
                release: tuple(ports.get(release, ()))
                for release in (each.stable_id, each.candidate_id)
                if release is not None
            },
            versions=versions,
            keys=keys.get(each.pk, {}),
            is_sampled=each.pk in sampled,
        )
        for each in endpoints
    }


def first_threshold(*, user: "User", revision_id: int) -> float:
    """What the model itself leaves out of its answers, as its configuration says."""
    try:
        config = access_model_revision(user=user, revision_id=revision_id).config
    except NotFoundError:
        config = {}
    value = config.get("score_threshold")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return min(1.0, max(0.0, float(value)))
    return USUAL_SCORE
