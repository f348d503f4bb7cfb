"""Vertex AI, Azure ML, PAI-EAS: what is sent, to the letter, and what becomes of it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from apps.accounts.models import User, Workspace
from apps.deployments.targets.engines import vertex
from apps.deployments.targets.engines.planning import plan_change
from apps.deployments.targets.errors import Cause
from apps.deployments.targets.models import Deployment
from apps.deployments.targets.services.credentials import keep_credential
from apps.deployments.targets.types import State
from apps.marketplace.models import ModelRevision
from tests import golden_files
from tests.unit.deployments.targets.cloud_sink import CloudSink
from tests.unit.deployments.targets.conftest import IMAGE, SECRET, Run

VERTEX: dict[str, object] = {"image": IMAGE, "project": "plant-seven"}
AZURE: dict[str, object] = {
    "image": IMAGE,
    "subscription": "00000000-1111-2222-3333-444444444444",
    "resource_group": "plant-7",
    "ml_workspace": "vision",
}
PAI: dict[str, object] = {"image": IMAGE}


@pytest.fixture
def sink(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudSink]:
    monkeypatch.setattr(vertex, "POLL_S", 0.0)
    server = CloudSink()
    names = ("gcp-vertex", "azure-ml", "alibaba-pai")
    settings.TARGET_URLS = dict.fromkeys(names, server.url)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def google(alice: User, workspace: Workspace, sink: CloudSink) -> int:
    """A service account's key that the real google-auth signs with."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "client_email": "portal@plant-seven.example",
        "private_key": pem.decode(),
        "token_uri": f"{sink.url}/token",
    }
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="google",
        target="gcp-vertex",
        values={"service_account": json.dumps(account)},
    ).pk


@pytest.fixture
def azure(alice: User, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> int:
    """A secret that Azure's login, which takes HTTPS alone, would trade for a token."""

    def get_token(*_arguments: Any, **_more: Any) -> AccessToken:
        return AccessToken("from-azure", 2**31)

    monkeypatch.setattr("azure.identity.ClientSecretCredential.get_token", get_token)
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="azure",
        target="azure-ml",
        values={
            "tenant_id": "00000000-1111-2222-3333-444444444444",
            "client_id": "portal",
            "client_secret": SECRET,
        },
    ).pk


@pytest.fixture
def alibaba(alice: User, workspace: Workspace) -> int:
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="alibaba",
        target="alibaba-pai",
        values={"access_key_id": "portal", "access_key_secret": SECRET},
    ).pk


def told(sink: CloudSink, deployment: Deployment) -> Any:
    """What was sent, with this run's own name and weights taken out."""
    text = json.dumps(sink.changes())
    text = text.replace(deployment.slug, "SLUG")
    text = text.replace(deployment.slug.replace("-", "_"), "SLUG")
    for own, word in (
        (deployment.weights_sha256, "WEIGHTS"),
        (deployment.full_name, "MODEL"),
    ):
        text = text.replace(own, word)
    return json.loads(text)


@pytest.mark.parametrize(
    ("target", "options", "credential", "token"),
    [
        ("gcp-vertex", VERTEX, "google", "Bearer from-google"),
        ("azure-ml", AZURE, "azure", "Bearer from-azure"),
        ("alibaba-pai", PAI, "alibaba", "ACS3-HMAC-SHA256 Credential=portal"),
    ],
)
def test_a_deployment_lives_changes_and_goes(
    alice: User,
    sink: CloudSink,
    plan: Run,
    confirm: Run,
    check: Run,
    remove: Run,
    two: ModelRevision,
    request: pytest.FixtureRequest,
    target: str,
    options: dict[str, object],
    credential: str,
    token: str,
):
    credential_id = request.getfixturevalue(credential)
    deployment = confirm(plan(target, options, credential_id=credential_id))

    assert (deployment.state, deployment.error) == (State.LIVE, "")
    assert deployment.plan["usd_per_hour"] > 0
    assert all(each.startswith(token) for each in sink.tokens)
    golden_files.compare(f"{target}.json", told(sink, deployment))

    check(deployment)
    assert deployment.drift == []

    plan_change(
        user=alice, deployment_id=deployment.pk, model=two.model.name, options={}
    )
    deployment.refresh_from_db()
    confirm(deployment)
    assert (deployment.state, deployment.number) == (State.LIVE, 2)
    assert not [path for path in sink.stands if path.endswith(("-v1", "/v1"))]
    check(deployment)
    assert deployment.drift == []

    remove(deployment)
    assert (deployment.state, sink.stands) == (State.REMOVED, {})


@pytest.mark.parametrize(
    ("target", "options", "credential", "where"),
    [
        ("gcp-vertex", VERTEX, "google", ":deployModel"),
        ("azure-ml", AZURE, "azure", "/deployments/v1"),
        ("alibaba-pai", PAI, "alibaba", "/services"),
    ],
)
@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        (403, "the caller lacks a permission", Cause.PERMISSION),
        (429, "Quota of custom_model_serving_cpus exceeded", Cause.QUOTA),
        (503, "try later", Cause.BROKEN),
    ],
)
def test_a_refusal_says_the_next_step_and_leaves_nothing(
    sink: CloudSink,
    plan: Run,
    confirm: Run,
    request: pytest.FixtureRequest,
    target: str,
    options: dict[str, object],
    credential: str,
    where: str,
    status: int,
    said: str,
    cause: Cause,
):
    refusal = {"error": {"message": said, "code": "X"}, "Code": "X", "Message": said}
    sink.refuse[where] = (status, refusal)
    credential_id = request.getfixturevalue(credential)

    deployment = confirm(plan(target, options, credential_id=credential_id))

    assert (deployment.state, deployment.error_code) == (State.FAILED, cause)
    assert said in deployment.error
    assert sink.stands == {}


def test_a_file_that_is_no_key_is_refused_in_one_line(
    alice: User, workspace: Workspace, sink: CloudSink, plan: Run, confirm: Run
):
    kept = keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="wrong",
        target="gcp-vertex",
        values={"service_account": "[1]"},
    )

    deployment = confirm(plan("gcp-vertex", VERTEX, credential_id=kept.pk))

    assert deployment.error_code == Cause.CREDENTIALS
    assert "no service account's key" in deployment.error


def test_a_worker_without_a_key_or_role_says_so(
    sink: CloudSink, plan: Run, confirm: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")

    deployment = confirm(plan("alibaba-pai", PAI))

    assert deployment.error_code == Cause.CREDENTIALS
    assert "no Alibaba Cloud credential and no role" in deployment.error
    assert sink.stands == {}
