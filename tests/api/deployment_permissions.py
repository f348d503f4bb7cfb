"""Who may do what with endpoints: rows of the permission table."""

from tests.api.rules import MANAGER, OWN, VIEWER, Rules, read, write

DEPLOYMENTS_API: Rules = {
    "deployments-api:endpoint-list": {
        "GET": read(**OWN),
        "POST": write(
            MANAGER,
            201,
            body=lambda w: {
                "workspace_id": w["workspace_id"],
                "name": "e",
                "model": w["model_name"],
            },
        ),
    },
    "deployments-api:endpoint": {
        "GET": read(),
        "PATCH": write(MANAGER, body=lambda _w: {"num_replicas": 2}),
        "DELETE": write(MANAGER, 204),
    },
    "deployments-api:pause": {"POST": write(MANAGER)},
    "deployments-api:resume": {"POST": write(MANAGER)},
    "deployments-api:roll-back": {"POST": write(MANAGER)},
    "deployments-api:release-list": {
        "GET": read(),
        "POST": write(MANAGER, 201, body=lambda w: {"model": w["model_name"]}),
    },
    "deployments-api:replica-list": {"GET": read()},
    "deployments-api:ledger-list": {"GET": read()},
    "deployments-api:served": {"GET": read()},
    "deployments-api:figures": {"GET": read()},
    "deployments-api:sampling": {
        "GET": read(needs=MANAGER, answer=404),  # none is kept yet
        "PUT": write(
            MANAGER,
            body=lambda w: {"project_id": w["project_id"], "is_agreed": True},
        ),
        "DELETE": write(MANAGER, 204),
    },
    "deployments-api:backend-health": {"GET": read(answer=409)},  # none answers yet
    "deployments-api:backend-setup": {"POST": read(body=lambda _w: {})},
    "deployments-api:backend-predict": {"POST": read(answer=400, body=lambda _w: {})},
    "deployments-api:backend-versions": {"GET": read()},
    "deployments-api:backend-news": {"POST": read()},
    "deployments-api:key-list": {
        "GET": read(needs=MANAGER),
        "POST": write(MANAGER, 201, body=lambda _w: {"name": "camera"}),
    },
    "deployments-api:key": {"DELETE": write(MANAGER, 204)},
}

DEPLOYMENTS_API |= {
    "deployments-api:trial-list": {
        "POST": write(
            VIEWER,
            202,
            is_upload=True,
            body=lambda w: {
                "workspace_id": w["workspace_id"],
                "revision_id": w["revision_id"],
                "image": w["new_file"](),
            },
        )
    },
    "deployments-api:trial": {"GET": read()},
}

DEPLOYMENTS_PAGES: Rules = {
    "deployments:try-model": {"POST": write(VIEWER, stranger=200)},
    "deployments:trial": {"GET": read()},
    "deployments:endpoints": {"GET": read(**OWN)},
    "deployments:summary": {"GET": read(**OWN)},
    "deployments:new": {
        "GET": read(**OWN),
        "POST": write(
            MANAGER,
            302,
            stranger=302,  # in her own workspace
            body=lambda w: {
                "name": "e",
                "model": w["model_name"],
                "num_replicas": 1,
                "num_threads": 1,
                "sleep_after_s": 0,
            },
        ),
    },
    "deployments:endpoint": {"GET": read()},
    "deployments:log": {"GET": read()},
    "deployments:sampling": {
        "GET": read(needs=MANAGER),
        "POST": write(
            MANAGER,
            302,
            body=lambda w: {
                "project_id": w["project_id"],
                "per_day": 5,
                "unsure_below": 0.5,
                "longest_side": 1280,
                "blur_px": 0,
                "keep_days": 9,
                "is_agreed": True,
            },
        ),
    },
    "deployments:stop-sampling": {"POST": write(MANAGER, 302)},
    "deployments:release": {
        "POST": write(
            MANAGER,
            302,
            body=lambda w: {"model": w["model_name"], "rollout": "switch", "share": 10},
        )
    },
    "deployments:scale": {
        "POST": write(
            MANAGER, 302, body=lambda _w: {"num_replicas": 2, "sleep_after_s": 0}
        )
    },
    "deployments:pause": {"POST": write(MANAGER, 302)},
    "deployments:resume": {"POST": write(MANAGER, 302)},
    "deployments:roll-back": {"POST": write(MANAGER, 302)},
    "deployments:delete": {"POST": write(MANAGER, 302)},
    "deployments:try": {"POST": write(VIEWER)},
    "deployments:new-key": {
        "POST": write(
            MANAGER,
            302,
            body=lambda _w: {"name": "camera", "per_minute": 0, "per_day": 0},
        )
    },
    "deployments:revoke-key": {"POST": write(MANAGER, 302)},
}
