"""Who may do what on each route: the table that the permission matrix is run against.

A route that is not in it fails test_permissions.py, so whoever adds one says here who
may use it.
"""

from apps.accounts.types import Scope
from tests.api.deployment_permissions import DEPLOYMENTS_API, DEPLOYMENTS_PAGES
from tests.api.diagnostics_permissions import DIAGNOSTICS_API, DIAGNOSTICS_PAGES
from tests.api.labeling_permissions import LABELING_API
from tests.api.marketplace_permissions import MARKETPLACE_API, MARKETPLACE_PAGES
from tests.api.rules import (
    ANNOTATOR,
    MANAGER,
    OPEN,
    OWN,
    OWNER,
    REVIEWER,
    VIEWER,
    Rules,
    admin,
    read,
    write,
)
from tests.api.target_permissions import TARGETS_API, TARGETS_PAGES

ACCOUNTS_API: Rules = {
    "accounts-api:me": {"GET": read(**OWN)},
    "accounts-api:token-list": {
        "GET": read(**OWN),
        "POST": admin(VIEWER, 201, stranger=201, body=lambda _w: {"name": "robot"}),
    },
    "accounts-api:token": {"DELETE": admin(OWNER, 204)},
    "accounts-api:workspace-list": {
        "GET": read(**OWN),
        "POST": write(VIEWER, 201, stranger=201, body=lambda _w: {"name": "new"}),
    },
    "accounts-api:workspace": {
        "PATCH": admin(OWNER, body=lambda _w: {"name": "renamed"})
    },
    "accounts-api:member-list": {"GET": read()},
    "accounts-api:member": {
        "PATCH": admin(MANAGER, body=lambda _w: {"role": "reviewer"}),
        "DELETE": admin(MANAGER, 204),
    },
    "accounts-api:invitation-list": {
        "GET": read(needs=MANAGER),
        "POST": admin(
            MANAGER, 201, body=lambda _w: {"email": "n@example.com", "role": "viewer"}
        ),
    },
    "accounts-api:invitation": {"DELETE": admin(MANAGER, 204)},
    "accounts-api:webhook-list": {
        "GET": read(needs=MANAGER),
        "POST": admin(MANAGER, 201, body=lambda _w: {"url": "http://192.0.2.7/hook"}),
    },
    "accounts-api:webhook": {"DELETE": admin(MANAGER, 204)},
    "accounts-api:webhook-ping": {"POST": admin(MANAGER, 202, body=lambda _w: {})},
    "accounts-api:webhook-deliveries": {"GET": read(needs=MANAGER, scope=Scope.ADMIN)},
    "accounts-api:audit-list": {"GET": read(needs=MANAGER, scope=Scope.ADMIN)},
}
JOBS_API: Rules = {
    "jobs-api:job-list": {"GET": read(**OWN)},
    "jobs-api:worker-list": {"GET": read(**OWN)},
    "jobs-api:job": {"GET": read()},
    "jobs-api:event-list": {"GET": read()},
    "jobs-api:cancel": {"POST": write(ANNOTATOR)},
    "jobs-api:device-list": {"GET": read(**OWN)},
    "jobs-api:pause": {"POST": write(ANNOTATOR)},
    "jobs-api:resume": {"POST": write(ANNOTATOR, 409)},
    "jobs-api:retry": {"POST": write(ANNOTATOR, 409)},
}
TRAINING_API: Rules = {
    "training-api:preset-list": {"GET": read(**OWN)},
    "training-api:estimate": {
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"preset": "fast"})
    },
    "training-api:run-list": {
        "GET": read(**OWN),
        "POST": write(  # its one image is not enough to measure by
            ANNOTATOR,
            400,
            body=lambda w: {"name": "r", "dataset_version_id": w["version_id"]},
        ),
    },
    "training-api:run": {
        "GET": read(),
        "PATCH": write(ANNOTATOR, body=lambda _w: {"notes": "good"}),
    },
    "training-api:clone": {"POST": write(ANNOTATOR, 400, body=lambda _w: {})},
    "training-api:curve-list": {"GET": read()},
}
OTHER_API: Rules = {
    "schema": {"GET": read(**OPEN)},
    "api-docs": {"GET": read(**OPEN)},
}
API: Rules = (
    ACCOUNTS_API
    | LABELING_API
    | JOBS_API
    | TRAINING_API
    | DIAGNOSTICS_API
    | DEPLOYMENTS_API
    | TARGETS_API
    | MARKETPLACE_API
    | OTHER_API
)

PAGES: Rules = (
    DIAGNOSTICS_PAGES
    | TARGETS_PAGES
    | {
        "core:health": {"GET": read(**OPEN)},
        "home:home": {"GET": read(**OWN)},
        "accounts:profile": {
            "GET": read(**OWN),
            "POST": write(VIEWER, 302, stranger=302, body=lambda _w: {"name": "Al"}),
        },
        "accounts:people": {"GET": read(**OWN)},
        "accounts:invite": {
            "POST": write(
                MANAGER,
                stranger=200,  # into her own workspace
                body=lambda _w: {"email": "n@example.com", "role": "viewer"},
            )
        },
        "accounts:change-role": {
            "POST": write(MANAGER, 302, body=lambda _w: {"role": "reviewer"})
        },
        "accounts:remove-member": {"POST": write(MANAGER, 302)},
        "accounts:revoke-invitation": {"POST": write(MANAGER, 302)},
        "accounts:invitation": {  # for another address: shown to all, joined by nobody here
            "GET": read(**OPEN),
            "POST": write(VIEWER, 410, stranger=410, anonymous=200),
        },
        "accounts:tokens": {
            "GET": read(**OWN),
            "POST": write(
                VIEWER, stranger=200, body=lambda _w: {"name": "robot", "scope": "read"}
            ),
        },
        "accounts:revoke-token": {"POST": write(OWNER, 302)},
        "accounts:webhooks": {
            "GET": read(needs=MANAGER, stranger=200),
            "POST": write(
                MANAGER,
                stranger=200,
                body=lambda _w: {"url": "http://192.0.2.7/hook", "events": "job.*"},
            ),
        },
        "accounts:webhook": {
            "GET": read(needs=MANAGER),
            "POST": write(MANAGER, 302, body=lambda _w: {"action": "ping"}),
        },
        "accounts:audit": {"GET": read(needs=MANAGER, stranger=200)},
        "accounts:create-workspace": {
            "POST": write(VIEWER, 302, stranger=302, body=lambda _w: {"name": "new"})
        },
        "accounts:switch-workspace": {"POST": write(VIEWER, 302)},
        "labeling:projects": {"GET": read(**OWN)},
        "labeling:new-project": {
            "GET": read(**OWN),
            "POST": write(MANAGER, 302, stranger=302, body=lambda _w: {"name": "p"}),
        },
        "labeling:project": {"GET": read()},
        "labeling:settings": {
            "GET": read(needs=MANAGER),
            "POST": write(MANAGER, 302, body=lambda _w: {"name": "p"}),
        },
        "labeling:add-label": {
            "POST": write(MANAGER, 302, body=lambda _w: {"name": "crack"})
        },
        "labeling:update-label": {
            "POST": write(MANAGER, 302, body=lambda _w: {"name": "crack"})
        },
        "labeling:label-schema": {
            "GET": read(needs=MANAGER),
            "POST": write(MANAGER, 302, body=lambda _w: {"attributes": "colour: red"}),
        },
        "labeling:history": {
            "GET": read(),
            "POST": write(ANNOTATOR, 302, body=lambda _w: {"revision": 0}),
        },
        "labeling:restore": {
            "POST": write(MANAGER, 302, body=lambda _w: {"at": "2100-01-01T00:00"})
        },
        "labeling:wall": {"GET": read(needs=ANNOTATOR)},
        "labeling:delete-label": {"POST": write(MANAGER, 302)},
        "labeling:archive": {"POST": write(MANAGER, 302)},
        "labeling:gallery": {"GET": read()},
        "labeling:act": {
            "POST": write(
                ANNOTATOR,
                302,
                body=lambda w: {"action": "submit", "image": w["image_id"]},
            )
        },
        "labeling:act-on-views": {
            "POST": write(
                VIEWER,
                302,
                body=lambda _w: {
                    "action": "save",
                    "name": "v",
                    "query": "state=submitted",
                },
            )
        },
        "labeling:add-images": {
            "GET": read(needs=ANNOTATOR),
            "POST": write(ANNOTATOR),  # no file: the page says so
        },
        "labeling:prelabel": {"POST": write(ANNOTATOR, 302)},
        "labeling:allocation": {"GET": read(needs=REVIEWER)},
        "labeling:act-on-allocation": {"POST": write(MANAGER, 302)},
        "labeling:quality": {"GET": read(needs=REVIEWER)},
        "labeling:act-on-quality": {"POST": write(REVIEWER, 302)},
        "labeling:compare": {"GET": read(needs=REVIEWER)},
        "labeling:data": {"GET": read()},
        "labeling:start-export": {
            "POST": write(VIEWER, 302, body=lambda _w: {"form": "coco"})
        },
        "labeling:start-import": {
            "POST": write(
                MANAGER, 302, body=lambda w: {"file": w["new_file"](), "form": "coco"}
            )
        },
        "labeling:apply-import": {"POST": write(MANAGER, 302)},
        "labeling:versions": {
            "GET": read(),
            "POST": write(
                ANNOTATOR,
                302,
                body=lambda _w: {"train": 80, "val": 10, "include_all": "on"},
            ),
        },
        "labeling:merge-versions": {
            "GET": read(),
            "POST": write(
                ANNOTATOR,
                302,
                body=lambda w: {
                    "ours": w["version_id"],
                    "theirs": w["first_version_id"],
                    "rule": "union",
                },
            ),
        },
        "labeling:version": {"GET": read()},
        "labeling:version-thumbnail": {"GET": read()},
        "labeling:restore-version": {"POST": write(MANAGER, 302)},
        "labeling:next-image": {"GET": read(answer=302)},
        "labeling:editor": {"GET": read()},
        "training:runs": {"GET": read(**OWN)},
        "training:new": {
            "GET": read(**OWN),
            "POST": write(VIEWER, stranger=200, body=lambda _w: {"name": "r"}),
        },
        "training:estimate": {
            "POST": write(VIEWER, stranger=200, body=lambda _w: {"preset": "fast"})
        },
        "training:compare": {"GET": read(**OWN)},
        "training:run": {"GET": read()},
        "training:describe": {
            "POST": write(ANNOTATOR, 302, body=lambda _w: {"notes": "good"})
        },
        "training:chart": {"GET": read()},
        "training:sample": {"GET": read()},
        "training:tensorboard": {"GET": read()},
        "training:mlflow": {"POST": write(ANNOTATOR, 502)},
        "jobs:jobs": {"GET": read(**OWN)},
        "jobs:news": {"GET": read(**OWN)},
        "jobs:drain": {"POST": write(VIEWER, 403, stranger=403)},
        "monitoring:metrics": {"GET": read(**OPEN)},
        "jobs:job": {"GET": read()},
        "jobs:cancel": {"POST": write(ANNOTATOR, 302)},
        "jobs:pause": {"POST": write(ANNOTATOR, 302)},
        "jobs:resume": {"POST": write(ANNOTATOR, 409)},
        "jobs:retry": {"POST": write(ANNOTATOR, 409)},
    }
)
PAGES |= DEPLOYMENTS_PAGES | MARKETPLACE_PAGES

# Rows that belong to one person: for all others, whatever their role, they are absent.
PERSONAL = {
    "accounts-api:token",
    "accounts:revoke-token",
    "deployments-api:trial",
    "deployments:trial",
}

# django-allauth's and Django's own pages, for everybody; the admin has its own claim.
THIRD_PARTY = {
    "account_change_password",
    "account_confirm_email",
    "account_confirm_login_code",
    "account_email",
    "account_email_verification_sent",
    "account_inactive",
    "account_login",
    "account_logout",
    "account_reauthenticate",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "account_set_password",
    "account_signup",
    "set_language",
}
