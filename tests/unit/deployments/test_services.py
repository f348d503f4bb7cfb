from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone

from apps.accounts.errors import RoleTooLowError
from apps.core.errors import NotFoundError
from apps.deployments import selectors
from apps.deployments.engines.logs import read_log
from apps.deployments.errors import (
    BadEndpointError,
    NoModelError,
    NothingToReturnToError,
    RolloutRunningError,
)
from apps.deployments.models import Endpoint, LedgerEntry, Release
from apps.deployments.services import endpoints, keys, releases, rollouts, traffic
from apps.deployments.types import (
    LedgerKind,
    NewEndpoint,
    ReleaseState,
    Rollout,
    Stage,
    Tally,
)
from tests.factories.deployments import ReplicaFactory


@pytest.fixture
def endpoint(alice, workspace, one) -> Endpoint:
    new = NewEndpoint(name="Line 3", model="one")
    return endpoints.create_endpoint(user=alice, workspace_id=workspace.pk, new=new)


def _answers(release: Release) -> None:
    """What the keeper does when a replica of it is ready, and a turn of the keeper."""
    ReplicaFactory(release=release)
    rollouts.note_readiness(release_id=release.pk)
    rollouts.advance_all()


@pytest.fixture
def live(endpoint) -> Endpoint:
    _answers(endpoint.candidate)
    endpoint.refresh_from_db()
    return endpoint


def _release(alice, live, model="two", rollout=Rollout.SWITCH, **more) -> Release:
    return releases.release_model(
        user=alice, endpoint_id=live.pk, model=model, rollout=rollout, **more
    )


def _count(release: Release, **counts: int) -> None:
    traffic.add_traffic(
        {release.pk: Tally(**counts)}, at=timezone.now() + timedelta(seconds=10)
    )


def test_an_endpoint_serves_when_its_first_replica_is_ready(endpoint):
    assert (endpoint.stable, endpoint.stage) == (None, Stage.WAITING)

    _answers(endpoint.candidate)

    endpoint.refresh_from_db()
    assert endpoint.stable is not None
    assert (endpoint.candidate, endpoint.stage) == (None, Stage.NONE)
    kinds = [e.kind for e in selectors.list_ledger(endpoint_id=endpoint.pk)]
    assert kinds == [LedgerKind.SERVED, LedgerKind.CREATED]


def test_a_stranger_sees_nothing_and_a_viewer_changes_nothing(
    charlie, vera, live, workspace
):
    with pytest.raises(NotFoundError):
        endpoints.pause_endpoint(user=charlie, endpoint_id=live.pk)
    with pytest.raises(RoleTooLowError):
        endpoints.pause_endpoint(user=vera, endpoint_id=live.pk)
    with pytest.raises(NotFoundError):
        endpoints.create_endpoint(
            user=charlie, workspace_id=workspace.pk, new=NewEndpoint(name="x")
        )

    live.refresh_from_db()
    assert not live.is_paused
    assert Endpoint.objects.count() == 1


def test_a_model_without_weights_is_refused_before_anything_is_made(
    alice, workspace, one, tmp_path
):
    (tmp_path / one.revision / "model.onnx").unlink()

    with pytest.raises(NoModelError, match="export it first"):
        endpoints.create_endpoint(
            user=alice, workspace_id=workspace.pk, new=NewEndpoint(name="x")
        )

    assert not Endpoint.objects.exists()
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize("sizes", [{"num_replicas": 0}, {"num_threads": 99}])
def test_sizes_out_of_range_are_refused(alice, workspace, one, sizes):
    with pytest.raises(BadEndpointError):
        endpoints.create_endpoint(
            user=alice, workspace_id=workspace.pk, new=NewEndpoint(name="x", **sizes)
        )


def test_a_switch_takes_over_when_ready_and_the_old_one_answers_a_little_longer(
    alice, live, two
):
    old = live.stable
    new = _release(alice, live)
    rollouts.advance_all()
    live.refresh_from_db()
    assert live.stable == old

    _answers(new)

    live.refresh_from_db()
    old.refresh_from_db()
    assert live.stable == new
    assert old.is_wanted
    assert old.retire_at > timezone.now()
    Release.objects.filter(pk=old.pk).update(retire_at=timezone.now())
    rollouts.retire_replaced()
    old.refresh_from_db()
    assert (old.is_wanted, old.state) == (False, ReleaseState.RETIRED)


def test_a_version_that_does_not_start_changes_nothing_but_the_ledger(
    alice, live, two, client, settings, tmp_path
):
    old = live.stable
    new = _release(alice, live)

    rollouts.note_failure(release_id=new.pk, error="the weights are damaged")
    rollouts.advance_all()

    live.refresh_from_db()
    assert (live.stable, live.candidate) == (old, None)
    newest = selectors.list_ledger(endpoint_id=live.pk)[0]
    assert newest.kind == LedgerKind.REFUSED
    assert "the weights are damaged" in newest.note
    client.force_login(alice)
    page = client.get(reverse("deployments:endpoint", args=[live.pk])).content.decode()
    assert f"{new} does not start" in page
    assert f"{old} serves on" in page
    settings.VAR_DIR = tmp_path
    (tmp_path / "log" / "replicas").mkdir(parents=True)
    (tmp_path / "log" / "replicas" / "1-0.log").write_bytes(b"\x1b[1;31mred\x1b[m")
    assert read_log(1, 0) == "red"


def test_two_versions_are_never_on_their_way_together(alice, live, two):
    _release(alice, live)

    with pytest.raises(RolloutRunningError):
        _release(alice, live)

    assert Release.objects.count() == 2


def test_one_click_returns_to_what_served_before(alice, live, two):
    first = live.stable
    _answers(_release(alice, live))

    releases.roll_back(user=alice, endpoint_id=live.pk)

    live.refresh_from_db()
    first.refresh_from_db()
    assert live.stable == first
    assert first.retire_at is None
    newest = selectors.list_ledger(endpoint_id=live.pk)[0]
    assert (newest.kind, newest.actor) == (LedgerKind.ROLLED_BACK, alice)
    assert newest.split[0]["model"] == first.full_name


def test_returning_to_a_version_that_has_ended_starts_it_first(alice, live, two):
    first = live.stable
    second = _release(alice, live)
    _answers(second)
    Release.objects.filter(pk=first.pk).update(
        is_wanted=False, state=ReleaseState.RETIRED
    )

    releases.roll_back(user=alice, endpoint_id=live.pk)

    live.refresh_from_db()
    first.refresh_from_db()
    assert (live.stable, live.candidate) == (second, first)
    assert (first.is_wanted, first.state) == (True, ReleaseState.STARTING)


@pytest.mark.parametrize("share", [0, 51])
def test_a_share_out_of_range_is_refused_and_nothing_starts(alice, live, two, share):
    with pytest.raises(BadEndpointError, match="1 to 50 %"):
        _release(alice, live, rollout=Rollout.CANARY, share=share)

    live.refresh_from_db()
    assert live.candidate is None


def test_there_is_no_way_back_from_a_first_version(alice, live):
    with pytest.raises(NothingToReturnToError):
        releases.roll_back(user=alice, endpoint_id=live.pk)


GOOD = {"num": 300, "num_compared": 300, "num_agreed": 298}


def test_a_good_version_goes_from_shadow_to_a_share_to_all(alice, live, two):
    new = _release(alice, live, rollout=Rollout.CANARY, share=25)
    _answers(new)
    live.refresh_from_db()
    assert (live.stage, live.share) == (Stage.SHADOW, 0)

    rollouts.advance_all()  # nothing is known yet
    _count(new, **GOOD)
    rollouts.advance_all()
    live.refresh_from_db()
    assert (live.stage, live.share) == (Stage.CANARY, 25)

    Endpoint.objects.filter(pk=live.pk).update(
        stage_at=timezone.now() + timedelta(seconds=20)
    )
    traffic.add_traffic(
        {new.pk: Tally(**GOOD)}, at=timezone.now() + timedelta(seconds=40)
    )
    rollouts.advance_all()

    live.refresh_from_db()
    assert (live.stable, live.candidate) == (new, None)
    kinds = [e.kind for e in selectors.list_ledger(endpoint_id=live.pk)]
    assert kinds[:3] == [LedgerKind.SERVED, LedgerKind.SPLIT, LedgerKind.SHADOWED]


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ({"num": 40, "num_errors": 10}, "too many errors"),
        ({"num": 40, "num_compared": 40, "num_agreed": 10}, "answers differ"),
    ],
)
def test_a_bad_version_is_rolled_back_without_a_person(
    alice, live, two, counts, reason
):
    old = live.stable
    new = _release(alice, live, rollout=Rollout.CANARY)
    _answers(new)

    _count(new, **counts)
    rollouts.advance_all()

    live.refresh_from_db()
    assert (live.stable, live.candidate, live.share) == (old, None, 0)
    newest = selectors.list_ledger(endpoint_id=live.pk)[0]
    assert newest.kind == LedgerKind.ROLLED_BACK
    assert reason in newest.note


def test_where_nothing_can_be_compared_errors_alone_decide(alice, live, two):
    new = _release(alice, live, rollout=Rollout.CANARY)
    _answers(new)

    _count(new, num=40)
    rollouts.advance_all()
    live.refresh_from_db()
    assert live.stage == Stage.SHADOW
    for stage in (Stage.CANARY, Stage.NONE):
        _count(new, num=400)
        rollouts.advance_all()
        live.refresh_from_db()
        assert live.stage == stage

    assert live.stable == new


def test_the_ledger_cannot_be_changed(live):
    entry = LedgerEntry.objects.latest("pk")

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        LedgerEntry.objects.filter(pk=entry.pk).update(note="x")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        entry.delete()


def test_the_ledger_says_who_served_at_any_moment(alice, live, two):
    """Against a record kept beside it."""
    kept = [(timezone.now(), live.stable.full_name)]
    for model in ("two", "one", "two"):
        _answers(_release(alice, live, model=model))
        live.refresh_from_db()
        kept.append((timezone.now(), live.stable.full_name))
    endpoints.pause_endpoint(user=alice, endpoint_id=live.pk)

    for moment, name in kept:
        served = selectors.served_at(endpoint_id=live.pk, moment=moment)
        assert served is not None
        assert [part["model"] for part in served.split] == [name]
    now = selectors.served_at(endpoint_id=live.pk, moment=timezone.now())
    assert now is not None
    assert now.split == []
    before = kept[0][0] - timedelta(days=1)
    assert selectors.served_at(endpoint_id=live.pk, moment=before) is None


def test_pausing_ends_the_replicas_and_resuming_brings_them_back(alice, live):
    assert len(selectors.wanted_replicas()) == 1

    endpoints.pause_endpoint(user=alice, endpoint_id=live.pk)
    assert selectors.wanted_replicas() == []
    endpoints.resume_endpoint(user=alice, endpoint_id=live.pk)

    assert len(selectors.wanted_replicas()) == 1


def test_a_deleted_endpoint_is_gone_but_its_ledger_stays(alice, live):
    endpoints.delete_endpoint(user=alice, endpoint_id=live.pk)

    assert selectors.wanted_replicas() == []
    assert selectors.routes() == {}
    with pytest.raises(NotFoundError):
        selectors.access_endpoint(user=alice, endpoint_id=live.pk)
    assert LedgerEntry.objects.filter(endpoint_id=live.pk).latest("pk").split == []


def test_a_key_is_kept_as_its_digest_alone(alice, live):
    key, text = keys.create_key(user=alice, endpoint_id=live.pk, name="camera")

    route = selectors.routes()[live.slug]
    assert text not in str(vars(key))
    assert [each.key_id for each in route.keys.values()] == [key.pk]
    keys.revoke_key(user=alice, endpoint_id=live.pk, key_id=key.pk)
    assert selectors.routes()[live.slug].keys == {}


def test_gateways_add_their_counts_up(live):
    tally = Tally()
    for took in (10, 10, 1000):
        tally.note(took)

    for _ in range(3):
        traffic.add_traffic({live.stable.pk: tally, 10**9: tally})

    figures = selectors.figures(
        release_ids=[live.stable.pk], since=timezone.now() - timedelta(minutes=1)
    )
    assert (figures.num, figures.p50_ms, figures.p99_ms) == (9, 12, 1000)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("deepseek_vision_v2", "deepseek-vision-v2"),
        ("Line 3", "line-3"),
        ("产线三", "endpoint"),
        ("_", "endpoint"),
    ],
)
def test_every_name_makes_an_address_that_a_host_name_may_hold(
    alice, workspace, one, name, stem
):
    made = endpoints.create_endpoint(
        user=alice, workspace_id=workspace.pk, new=NewEndpoint(name=name, model="one")
    )

    assert made.slug.rpartition("-")[0] == stem
