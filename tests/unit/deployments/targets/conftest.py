"""Deployments whose jobs run at once, and an AWS on loopback."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
import httpx
import pytest
from botocore.loaders import create_loader
from django.utils import timezone
from moto.sagemaker.responses import SageMakerResponse
from moto.server import ThreadedMotoServer
from pytest_django import DjangoCaptureOnCommitCallbacks

from apps.accounts.models import User, Workspace
from apps.deployments.targets.engines import carrying
from apps.deployments.targets.engines.planning import plan_deployment
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services import deployments
from apps.deployments.targets.types import NewDeployment
from apps.jobs.models import Job
from apps.jobs.services import requeue_lost_jobs
from apps.marketplace.models import ModelRevision

SECRET = "s3cr3t-PLANTED-wJalrXUtnFEMI"
IMAGE = "registry.example/portal/line-3@sha256:" + "a" * 64
AWS_OPTIONS = {
    "image": IMAGE,
    "bucket": "weights",
    "role_arn": "arn:aws:iam::123456789012:role/sagemaker",
}
Run = Callable[..., Deployment]
Clients = Callable[[str], Any]


def update_endpoint(self: SageMakerResponse) -> str:
    """What the emulator lacks: the endpoint has another configuration from now on."""
    backend = self.sagemaker_backend
    name = self._get_param("EndpointConfigName")
    backend.describe_endpoint_config(name)
    endpoint = backend.endpoints[self._get_param("EndpointName")]
    endpoint.endpoint_config_name = name
    return json.dumps({"EndpointArn": endpoint.arn})


@pytest.fixture(scope="session", autouse=True)
def _one_loader() -> Iterator[None]:
    """Service descriptions are read once, not for each session: .2 s of every job."""
    loader = create_loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", lambda *_given: loader)
        yield


@pytest.fixture(scope="module")
def aws_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            SageMakerResponse, "update_endpoint", update_endpoint, raising=False
        )
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def aws(aws_server: str, monkeypatch: pytest.MonkeyPatch) -> Clients:
    """Clients of an empty account with one bucket; what the worker's own would see."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "worker")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "worker-secret")
    httpx.post(f"{aws_server}/moto-api/reset")
    session = boto3.Session(region_name="us-east-1")
    session.client("s3").create_bucket(Bucket="weights")
    return cache(session.client)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "POLL_S", 0.0)


@pytest.fixture
def plan(alice: User, workspace: Workspace, one: ModelRevision) -> Run:
    def make(target: str, options: dict[str, object], **more: Any) -> Deployment:
        new = NewDeployment(
            name="Line 3", target=target, model=one.model.name, options=options, **more
        )
        return plan_deployment(user=alice, workspace_id=workspace.pk, new=new)

    return make


@pytest.fixture
def confirm(alice: User, act: Run) -> Run:
    """Confirm a plan and do its job; returns the deployment as it is then."""

    def asked(deployment: Deployment) -> Deployment:
        digest = deployment.plan["digest"]
        one = {"user": alice, "deployment_id": deployment.pk, "digest": digest}
        return act(deployment, lambda: deployments.confirm_plan(**one))

    return asked


@pytest.fixture
def act(django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Run:
    """Ask for something and do its job at once."""

    def carry_out(deployment: Deployment, ask: Callable[[], object]) -> Deployment:
        with django_capture_on_commit_callbacks(execute=True):
            ask()
        deployment.refresh_from_db()
        return deployment

    return carry_out


@pytest.fixture
def check(alice: User, act: Run) -> Run:
    def asked(deployment: Deployment) -> Deployment:
        one = {"user": alice, "deployment_id": deployment.pk}
        return act(deployment, lambda: deployments.check_deployment(**one))

    return asked


@pytest.fixture
def remove(alice: User, act: Run) -> Run:
    def asked(deployment: Deployment) -> Deployment:
        one = {"user": alice, "deployment_id": deployment.pk}
        return act(deployment, lambda: deployments.remove_deployment(**one))

    return asked


@pytest.fixture
def again(act: Run) -> Run:
    """The next attempt of a job whose worker was lost."""

    def carry_on(deployment: Deployment) -> Deployment:
        Job.objects.filter(pk=deployment.job_id).update(
            lease_until=timezone.now() - timedelta(seconds=1)
        )
        return act(deployment, requeue_lost_jobs)

    return carry_on
