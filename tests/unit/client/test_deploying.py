"""``dsportal targets``, as typed."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import Result
from django.db import connection

from apps.accounts.models import User, Workspace
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services.credentials import keep_credential
from apps.deployments.targets.tasks import deploy
from apps.jobs.models import Job
from apps.jobs.types import JobStatus
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory
from tests.unit.client.conftest import Run, Server
from tests.unit.deployments.targets.api_server import ApiServer

IMAGE = ("--set", "image=registry.example/line:1", "--set", "namespace=vision")


@pytest.fixture(autouse=True)
def _model(workspace: Workspace, server: Server) -> None:
    revision = ModelRevisionFactory(model=ModelFactory(name="one"))
    checkout = server.folder / "models" / revision.revision
    checkout.mkdir(parents=True)
    (checkout / "model.onnx").write_bytes(b"weights")


@pytest.fixture
def cluster() -> Iterator[ApiServer]:
    made = ApiServer()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def credential(alice: User, workspace: Workspace, cluster: ApiServer) -> int:
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="cluster",
        target="kubernetes",
        values={"kubeconfig": cluster.kubeconfig("token-token")},
    ).pk


@pytest.fixture
def _worker() -> Iterator[None]:
    """Does the jobs that wait, in this process."""
    is_over = threading.Event()

    def work() -> None:
        while not is_over.wait(0.02):
            for job in Job.objects.filter(status=JobStatus.QUEUED):
                deploy.apply(args=[str(job.pk)], throw=True)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        yield
        is_over.set()
        working.result(30)


def test_a_deployment_is_planned_and_nothing_is_made_unread(
    signed_in: Run,
):
    where = signed_in("targets", "where")
    planned = signed_in("targets", "plan", "Line 3", "--at", "kubernetes", *IMAGE)
    shown = signed_in("targets", "show", Deployment.objects.get().pk)
    refused = signed_in("targets", "confirm", Deployment.objects.get().pk, "other")
    typo = signed_in("targets", "plan", "Line 3", "--at", "bundle", "--set", "machine")
    unknown = signed_in("targets", "plan", "Line 3", "--at", "moon")

    assert "aws-sagemaker" in where.output
    assert "machine=x86_64  (x86_64, " in where.output
    assert "image=..." in where.output
    assert planned.output == shown.output
    assert "Deployment line-3-" in planned.output
    assert "needs get, create, patch, delete: deployments.apps" in planned.output
    assert Deployment.objects.get().plan["digest"] in planned.output.splitlines()[-1]
    assert (refused.exit_code, typo.exit_code, unknown.exit_code) == (1, 2, 1)
    assert "plan" in refused.output
    assert "OPTION=VALUE" in typo.output
    assert "there are: local, kubernetes" in unknown.output
    assert signed_in("targets", "list").output.count("planned") == 1


@pytest.mark.usefixtures("_worker")
def test_a_deployment_is_made_compared_changed_and_removed_from_the_shell(
    signed_in: Run, cluster: ApiServer, credential: int
):
    def do(*arguments: object) -> Result:
        return signed_in("targets", *arguments)

    def digest() -> str:
        return str(Deployment.objects.get().plan["digest"])

    do("plan", "Line", "--at", "kubernetes", *IMAGE, "--credential", credential)
    number = Deployment.objects.get().pk
    made = do("confirm", number, digest())
    same = do("check", number)
    cluster.objects = {
        key: made for key, made in cluster.objects.items() if key[0] != "services"
    }
    differs = do("check", number)
    larger = do("change", number, "--set", "cores=2")
    do("confirm", number, digest())
    told = do("ledger", number)
    removed = do("remove", number, "--yes")
    twice = do("remove", number, "--yes")

    assert made.exit_code == same.exit_code == removed.exit_code == 0, made.output
    assert "Deployment line-" in made.output
    assert ".vision.svc" in made.output
    assert "live, all as planned" in same.output
    assert differs.exit_code == 3
    assert "planned there, found gone" in differs.output
    assert "planned" in larger.output.splitlines()[0]
    kinds = [line.split()[1] for line in told.output.splitlines()]
    assert kinds[::-1] == [
        *("planned", "confirmed", "served", "drifted"),
        *("planned", "confirmed", "served"),
    ]
    assert "alice@example.com" in told.output
    assert cluster.objects == {}
    assert (twice.exit_code, "removed already" in twice.output) == (1, True)


@pytest.mark.usefixtures("_worker")
def test_what_failed_says_why_until_it_is_cleaned_up(
    signed_in: Run, cluster: ApiServer, credential: int
):
    cluster.refuse["POST", "deployments"] = (403, "you may not")
    signed_in(
        *("targets", "plan", "Line", "--at", "kubernetes", *IMAGE),
        *("--credential", credential),
    )
    found = Deployment.objects.get()

    failed = signed_in("targets", "confirm", found.pk, found.plan["digest"])
    shown = signed_in("targets", "show", found.pk)
    cleaned = signed_in("targets", "remove", found.pk, "--yes")

    assert (failed.exit_code, cleaned.exit_code) == (1, 0)
    assert "you may not" in failed.output
    assert "you may not" in shown.output
    assert cleaned.output.split()[1] == "removed"
