"""kill -9 of a worker between the target's yes and the row that says so."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.accounts.models import User, Workspace
from apps.deployments.targets.engines.planning import plan_deployment
from apps.deployments.targets.models import Deployment, Resource
from apps.deployments.targets.services import deployments
from apps.deployments.targets.services.credentials import keep_credential
from apps.deployments.targets.types import NewDeployment, ResourceState, State
from apps.jobs.models import Job
from apps.jobs.services import requeue_lost_jobs
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory
from tests.unit.deployments.targets.api_server import ApiServer

WORK = """
import sys, django
django.setup()
from apps.deployments.targets.tasks import deploy
deploy.apply(args=[sys.argv[1]], throw=True)
"""


@pytest.fixture
def cluster() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def planned(
    transactional_db: None,
    alice: User,
    workspace: Workspace,
    cluster: ApiServer,
) -> Deployment:
    revision = ModelRevisionFactory(model=ModelFactory(name="one"))
    checkout = Path(settings.CHECKOUTS_DIR) / revision.revision
    checkout.mkdir(parents=True)
    (checkout / "model.onnx").write_bytes(b"weights")
    kept = keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="cluster",
        target="kubernetes",
        values={"kubeconfig": cluster.kubeconfig("token-token")},
    )
    new = NewDeployment(
        name="Line 3",
        target="kubernetes",
        model="one",
        options={"image": "registry.example/line:1"},
        credential_id=kept.pk,
    )
    return plan_deployment(user=alice, workspace_id=workspace.pk, new=new)


def worker(job_id: object) -> "subprocess.Popen[bytes]":
    name = connection.settings_dict["NAME"]
    url = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(job_id)],
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "dsportal.settings.test",
            "DSPORTAL_TEST_VAR": str(settings.VAR_DIR),
        },
    )


def test_a_killed_worker_leaves_nothing_that_is_not_written_down(
    alice: User,
    planned: Deployment,
    cluster: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
):
    plural = "horizontalpodautoscalers"
    monkeypatch.setattr("apps.jobs.services.machine.enqueue", lambda *_a, **_k: None)
    digest = planned.plan["digest"]
    deployments.confirm_plan(user=alice, deployment_id=planned.pk, digest=digest)
    planned.refresh_from_db()
    process = worker(planned.job_id)
    cluster.written = lambda made: (
        process.send_signal(signal.SIGKILL) if made == plural else None
    )

    assert process.wait(180) == -signal.SIGKILL

    rows = {row.kind.lower() + "s": row for row in Resource.objects.all()}
    assert rows[plural].state == ResourceState.INTENDED
    assert {made for made, _namespace, _name in cluster.objects} <= set(rows)

    cluster.written = lambda _made: None
    Job.objects.filter(pk=planned.job_id).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )
    requeue_lost_jobs()
    assert worker(planned.job_id).wait(180) == 0

    planned.refresh_from_db()
    assert planned.state == State.LIVE
    assert len(cluster.objects) == 3
    assert {row.state for row in Resource.objects.all()} == {ResourceState.MADE}
