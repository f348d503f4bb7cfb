"""Who may do what with deployments elsewhere: rows of the permission table."""

from typing import Any

from tests.api.rules import MANAGER, OWN, OWNER, Rules, World, read, write


def _plan(w: World) -> dict[str, Any]:
    return {
        "workspace_id": w["workspace_id"],
        "name": "e",
        "target": "bundle",
        "model": w["model_name"],
    }


def _cluster_form(w: World) -> dict[str, Any]:
    size = {"min_replicas": 1, "max_replicas": 1, "cores": 1, "memory_mb": 512}
    where = {"image": "registry.example/line:1", "namespace": "default"}
    return {"name": "e", "model": w["model_name"], **size, **where}


def _bundle_form(w: World) -> dict[str, Any]:
    options = {"machine": "x86_64", "python": "3.11", "form": "tar"}
    return {"model": w["model_name"], **options}


def _change(w: World) -> dict[str, Any]:
    return {"model": w["model_name"], "options": {"machine": "aarch64"}}


def _credential(w: World) -> dict[str, Any]:
    return {
        "workspace_id": w["workspace_id"],
        "name": "cluster",
        "target": "kubernetes",
        "values": {"kubeconfig": "x"},
    }


TARGETS_API: Rules = {
    "deployments-api:target-list": {"GET": read(**OWN)},
    "deployments-api:deployment-list": {
        "GET": read(**OWN),
        "POST": write(MANAGER, 201, body=_plan),
    },
    "deployments-api:deployment": {"GET": read(), "DELETE": write(MANAGER, 202)},
    "deployments-api:deployment-confirm": {
        "POST": write(MANAGER, 202, body=lambda _w: {"digest": "digest"})
    },
    "deployments-api:deployment-check": {"POST": write(MANAGER, 202)},
    "deployments-api:deployment-change": {"POST": write(MANAGER, body=_change)},
    "deployments-api:deployment-credential": {
        "PUT": write(MANAGER, body=lambda _w: {"credential_id": None})
    },
    "deployments-api:deployment-bundle": {"GET": read()},
    "deployments-api:resource-list": {"GET": read()},
    "deployments-api:deployment-ledger": {"GET": read()},
    "deployments-api:credential-list": {
        "GET": read(**OWN),
        "POST": write(OWNER, 201, body=_credential),
    },
    "deployments-api:credential": {"DELETE": write(OWNER, 204)},
}

TARGETS_PAGES: Rules = {
    "deployments:targets": {"GET": read(**OWN)},
    "deployments:target-choose": {"GET": read(**OWN)},
    "deployments:target-new": {
        "GET": read(**OWN),
        "POST": write(
            MANAGER,
            302,
            stranger=302,  # in her own workspace
            body=_cluster_form,
        ),
    },
    "deployments:target": {"GET": read()},
    "deployments:target-confirm": {
        "POST": write(MANAGER, 302, body=lambda _w: {"digest": "digest"})
    },
    "deployments:target-bundle": {"GET": read()},
    "deployments:target-credential": {
        "POST": write(MANAGER, 302, body=lambda _w: {"credential_id": ""})
    },
    "deployments:target-check": {"POST": write(MANAGER, 302)},
    "deployments:target-change": {
        "GET": read(needs=MANAGER),
        "POST": write(MANAGER, 302, body=_bundle_form),
    },
    "deployments:target-remove": {"POST": write(MANAGER, 302)},
    "deployments:credentials": {"GET": read(needs=MANAGER, **OWN)},
    "deployments:credential-new": {
        "GET": read(needs=MANAGER, **OWN),
        "POST": write(
            OWNER,
            302,
            stranger=302,  # in her own workspace
            body=lambda _w: {"name": "cluster", "kubeconfig": "x"},
        ),
    },
    "deployments:credential-forget": {"POST": write(OWNER, 302)},
}
