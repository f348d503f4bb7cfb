"""Deployments in a cluster, through the official client and kubectl."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User, Workspace
from apps.deployments.targets.engines.cluster import Cluster
from apps.deployments.targets.engines.planning import plan_change
from apps.deployments.targets.errors import Cause, TargetError
from apps.deployments.targets.models import Credential
from apps.deployments.targets.services.credentials import keep_credential
from apps.deployments.targets.types import Access, State
from tests.unit.deployments.targets.api_server import ApiServer, complaint
from tests.unit.deployments.targets.conftest import IMAGE, SECRET, Run

OPTIONS: dict[str, object] = {"image": IMAGE, "namespace": "vision"}
KINDS = {"deployments", "services", "horizontalpodautoscalers"}


@pytest.fixture
def cluster() -> Iterator[ApiServer]:
    server = ApiServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def kept(alice: User, workspace: Workspace, cluster: ApiServer) -> Credential:
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="plant cluster",
        target="kubernetes",
        values={"kubeconfig": cluster.kubeconfig(SECRET)},
    )


def kinds(cluster: ApiServer) -> set[str]:
    return {plural for plural, _namespace, _name in cluster.objects}


def test_a_deployment_lives_changes_differs_and_goes(
    alice: User,
    cluster: ApiServer,
    kept: Credential,
    plan: Run,
    confirm: Run,
    check: Run,
    remove: Run,
):
    deployment = confirm(plan("kubernetes", OPTIONS, credential_id=kept.pk))

    assert (deployment.state, deployment.error) == (State.LIVE, "")
    assert deployment.url == f"http://{deployment.slug}.vision.svc"
    assert kinds(cluster) == KINDS
    assert set(cluster.tokens) == {f"Bearer {SECRET}"}

    plan_change(user=alice, deployment_id=deployment.pk, model="", options={"cores": 2})
    deployment.refresh_from_db()
    confirm(deployment)
    made = cluster.objects["deployments", "vision", deployment.slug]
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"]["cpu"] == "2"
    check(deployment)
    assert deployment.drift == []

    container["image"] = "somebody/else:1"
    check(deployment)
    assert [each["found"] for each in deployment.drift] == ["somebody/else:1"]
    confirm(deployment)
    check(deployment)
    assert deployment.drift == []

    remove(deployment)
    assert (deployment.state, cluster.objects) == (State.REMOVED, {})


def test_an_inference_service_is_taken_by_a_strict_server(
    alice: User, workspace: Workspace, cluster: ApiServer, plan: Run, confirm: Run
):
    own = keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="kserve",
        target="kserve",
        values={"kubeconfig": cluster.kubeconfig("token-token")},
    )

    deployment = confirm(
        plan("kserve", OPTIONS | {"min_replicas": 0}, credential_id=own.pk)
    )

    assert (deployment.state, deployment.error) == (State.LIVE, "")
    assert deployment.url == "http://line-3.example"


@pytest.mark.parametrize(
    ("status", "said", "cause"),
    [
        (403, "exceeded quota: compute, requested: cpu=1", Cause.QUOTA),
        (403, "cannot create resource", Cause.PERMISSION),
        (401, "Unauthorized", Cause.CREDENTIALS),
        (500, "etcd is away", Cause.BROKEN),
    ],
)
def test_a_refusal_says_the_next_step_and_leaves_nothing(
    cluster: ApiServer,
    kept: Credential,
    plan: Run,
    confirm: Run,
    status: int,
    said: str,
    cause: Cause,
):
    cluster.refuse["POST", "horizontalpodautoscalers"] = (status, said)

    deployment = confirm(plan("kubernetes", OPTIONS, credential_id=kept.pk))

    assert (deployment.state, deployment.error_code) == (State.FAILED, cause)
    assert said in deployment.error
    assert cluster.objects == {}


def test_what_does_not_start_in_time_is_taken_back(
    cluster: ApiServer, kept: Credential, plan: Run, confirm: Run, settings: Any
):
    settings.TARGET_WAIT_S = 0
    cluster.starts = False

    deployment = confirm(plan("kubernetes", OPTIONS, credential_id=kept.pk))

    assert deployment.error_code == Cause.TIMEOUT
    assert cluster.objects == {}


def test_an_object_of_somebody_else_is_not_touched(
    cluster: ApiServer, kept: Credential, plan: Run, confirm: Run
):
    planned = plan("kubernetes", OPTIONS, credential_id=kept.pk)
    theirs = {"kind": "Service", "metadata": {"name": planned.slug, "labels": {}}}
    cluster.objects["services", "vision", planned.slug] = theirs

    deployment = confirm(planned)

    assert "belongs to somebody else" in deployment.error
    assert list(cluster.objects.values()) == [theirs]


def test_kubectl_applies_and_deletes_the_same_manifests(
    cluster: ApiServer, plan: Run, tmp_path: Path
):
    planned = plan("kubernetes", OPTIONS)
    bodies = [step["body"] for step in planned.plan["steps"]]
    manifest = tmp_path / "all.json"
    manifest.write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies})
    )
    config = tmp_path / "kubeconfig"
    config.write_text(cluster.kubeconfig("token-token"))
    kubectl = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    assert kubectl is not None

    def run(*words: str) -> str:
        command = [kubectl, *words, "--filename", str(manifest)]
        env = {**os.environ, "KUBECONFIG": str(config), "HOME": str(tmp_path)}
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("apply", "--validate=false").count("created") == 3
    assert kinds(cluster) == KINDS
    run("delete", "--wait=false")
    assert cluster.objects == {}


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("spec", "template", "spec", "contaners"), []),
        (("spec", "replicas"), "three"),
        (("metadata", "label"), {}),
    ],
)
def test_the_server_here_is_as_strict_as_a_real_one(
    plan: Run, where: tuple[str, ...], value: object
):
    body = plan("kubernetes", OPTIONS).plan["steps"][0]["body"]
    assert complaint(body) == ""
    part = body
    for key in where[:-1]:
        part = part[key]
    part[where[-1]] = value

    assert complaint(body) != ""


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "rm"}},
        {"tokenFile": "/etc/shadow"},
        {"client-key": "/root/.ssh/id_rsa"},
    ],
)
def test_a_kubeconfig_that_runs_programs_or_reads_files_is_refused(
    user: dict[str, object],
):
    config = {
        "clusters": [{"name": "it", "cluster": {"server": "https://it"}}],
        "users": [{"name": "it", "user": user}],
    }

    with pytest.raises(TargetError, match="flatten"):
        Cluster(Access(values={"kubeconfig": json.dumps(config)}))
