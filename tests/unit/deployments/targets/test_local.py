"""This host as a target: the same protocol over the endpoints that stand here."""

import pytest

from apps.accounts.models import User
from apps.deployments.models import Endpoint, Release
from apps.deployments.services import endpoints
from apps.deployments.targets.engines import carrying
from apps.deployments.targets.engines.planning import plan_change
from apps.deployments.targets.types import State
from apps.deployments.types import ReleaseState
from apps.marketplace.models import ModelRevision
from tests.factories.deployments import ReplicaFactory
from tests.unit.deployments.targets.conftest import Run


@pytest.fixture
def _keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer as the keeper would: whatever should serve does, at the next look."""
    sleep = carrying.time.sleep

    def look(seconds: float) -> None:
        for endpoint in Endpoint.objects.exclude(candidate=None):
            ReplicaFactory(release=endpoint.candidate)
            Release.objects.filter(pk=endpoint.candidate_id).update(
                state=ReleaseState.READY
            )
            endpoint.stable, endpoint.candidate = endpoint.candidate, None
            endpoint.save()
        sleep(seconds)

    monkeypatch.setattr(carrying.time, "sleep", look)


@pytest.mark.usefixtures("_keeper")
def test_an_endpoint_lives_changes_and_goes_like_any_other_target(
    alice: User, plan: Run, confirm: Run, remove: Run, check: Run, two: ModelRevision
):
    deployment = confirm(plan("local", {"num_replicas": 1}))

    endpoint = Endpoint.objects.get(name=deployment.slug)
    assert (deployment.state, deployment.url) == (State.LIVE, f"/e/{endpoint.slug}")

    plan_change(
        user=alice, deployment_id=deployment.pk, model=two.model.name, options={}
    )
    deployment.refresh_from_db()
    confirm(deployment)

    endpoint.refresh_from_db()
    assert endpoint.stable is not None
    assert (deployment.number, endpoint.stable.model_name) == (2, "two")

    endpoints.scale_endpoint(
        user=alice, endpoint_id=endpoint.pk, num_replicas=3, sleep_after_s=0
    )
    check(deployment)
    assert [each["field"] for each in deployment.drift] == ["num_replicas"]

    remove(deployment)
    assert deployment.state == State.REMOVED
    assert not Endpoint.objects.filter(deleted_at=None).exists()
