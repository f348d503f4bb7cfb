"""Who may do what with models, and who may speak of them."""

from tests.api.rules import (
    ANNOTATOR,
    MANAGER,
    OPEN,
    OWN,
    OWNER,
    VIEWER,
    Rules,
    admin,
    read,
    write,
)

MARKETPLACE_API: Rules = {
    "marketplace-api:token-list": {
        "GET": read(**OWN),
        "POST": admin(
            VIEWER,
            201,
            body=lambda w: {
                "name": "robot",
                "scope": "read",
                "repositories": [f"{w['namespace']}/{w['name']}"],
            },
        ),
    },
    "marketplace-api:licences": {
        "GET": read(),
        "PUT": admin(OWNER, body=lambda _w: {"allowed": [], "denied": ["unknown"]}),
    },
    "marketplace-api:model-list": {"GET": read(**OWN)},
    # It names none.
    "marketplace-api:compare": {"GET": read(answer=400, stranger=400)},
    "marketplace-api:files": {"GET": read()},
    # The model has no file yet, and who may read it is told so.
    "marketplace-api:addresses": {"GET": read()},
    "marketplace-api:address": {"DELETE": write(MANAGER, 204)},
    "marketplace-api:inside": {"GET": read(answer=404)},
    "marketplace-api:signature": {"GET": read()},
    # The model has no file yet: nothing is held.
    "marketplace-api:clearance": {
        "POST": write(MANAGER, 409, body=lambda _w: {"reason": "I have read it."})
    },
    "marketplace-api:subject-threads": {
        "GET": read(),
        "POST": write(VIEWER, 201, body=lambda _w: {"title": "Why?", "text": "So?"}),
    },
    "marketplace-api:subject-thread": {
        "GET": read(),
        "PATCH": write(ANNOTATOR, body=lambda _w: {"state": "planned"}),
    },
    "marketplace-api:subject-messages": {
        "GET": read(),
        "POST": write(VIEWER, 201, body=lambda _w: {"text": "Thus."}),
    },
    "marketplace-api:thread-list": {
        "GET": read(),
        "POST": write(VIEWER, 201, body=lambda _w: {"title": "Why?", "text": "So?"}),
    },
    "marketplace-api:thread": {
        "GET": read(),
        "PATCH": write(ANNOTATOR, body=lambda _w: {"state": "planned"}),
    },
    "marketplace-api:thread-messages": {
        "GET": read(),
        "POST": write(VIEWER, 201, body=lambda _w: {"text": "Thus."}),
    },
}
MARKETPLACE_API |= {
    "marketplace-api:collection-list": {
        "GET": read(**OWN),
        "POST": write(
            ANNOTATOR,
            201,
            body=lambda w: {"workspace_id": w["workspace_id"], "title": "New"},
        ),
    },
    "marketplace-api:collection": {
        "GET": read(),
        "PATCH": write(ANNOTATOR, body=lambda _w: {"title": "Other"}),
        "DELETE": write(ANNOTATOR, 204),
    },
    "marketplace-api:collection-items": {
        "GET": read(),
        "POST": write(  # it is in there
            ANNOTATOR, 409, body=lambda w: {"model": f"{w['namespace']}/{w['name']}"}
        ),
    },
    "marketplace-api:collection-item": {
        "PATCH": write(ANNOTATOR, body=lambda _w: {"note": "Good"}),
        "DELETE": write(ANNOTATOR, 204),
    },
}
# Nothing was deleted yet.
MARKETPLACE_API |= {
    "marketplace-api:trash-repositories": {"GET": read(**OWN)},
    "marketplace-api:trash-restore-repository": {"POST": write(VIEWER, 404)},
    "marketplace-api:trash-collections": {"GET": read(**OWN)},
    "marketplace-api:trash-restore-collection": {"POST": write(VIEWER, 404)},
}
# Where the tests run, nothing is set to be fetched from: who may is told so.
MARKETPLACE_API |= {
    "marketplace-api:catalogue": {"GET": read(**OWN)},
    "marketplace-api:mirror-list": {"GET": read(**OWN)},
    "marketplace-api:fetch": {
        "POST": write(
            MANAGER,
            424,
            body=lambda w: {"workspace_id": w["workspace_id"], "source": "timm/x"},
        )
    },
}
MARKETPLACE_PAGES: Rules = {
    "marketplace:catalogue": {
        "GET": read(**OWN),
        # In her own workspace a stranger is somebody else.
        "POST": write(MANAGER, 400, stranger=400, body=lambda _w: {"source": "timm/x"}),
    },
    "marketplace:models": {"GET": read(**OWN)},
    "marketplace:datasets": {"GET": read(**OWN)},
    "marketplace:dataset": {
        "GET": read(),
        "POST": write(VIEWER, 302, body=lambda _w: {"action": "like"}),
    },
    "marketplace:collections": {
        "GET": read(**OWN),
        # In her own workspace a stranger is somebody else.
        "POST": write(ANNOTATOR, 302, stranger=302, body=lambda _w: {"title": "New"}),
    },
    "marketplace:collection": {
        "GET": read(),
        "POST": write(  # it is in there, and the page says so
            ANNOTATOR, 200, body=lambda w: {"model": f"{w['namespace']}/{w['name']}"}
        ),
    },
    "marketplace:collection-act": {
        "POST": write(ANNOTATOR, 302, body=lambda _w: {"action": "delete"})
    },
    "marketplace:collection-restore": {"POST": write(VIEWER, 404)},
    "marketplace:collect": {
        "POST": write(
            ANNOTATOR,
            409,
            body=lambda w: {
                "collection": str(w["collection_id"]),
                "model": f"{w['namespace']}/{w['name']}",
            },
        )
    },
    "marketplace:compare": {"GET": read(**OWN)},
    "marketplace:tokens": {
        "GET": read(**OWN),
        "POST": write(
            VIEWER,
            stranger=200,
            body=lambda w: {
                "name": "robot",
                "scope": "read",
                "repositories": f"{w['namespace']}/{w['name']}",
            },
        ),
    },
    "marketplace:licences": {
        "GET": read(**OWN),
        "POST": write(OWNER, 302, stranger=302, body=lambda _w: {"denied": "unknown"}),
    },
    "marketplace:model": {"GET": read()},
    "marketplace:files": {"GET": read()},
    "marketplace:revisions": {"GET": read()},
    "marketplace:settings": {
        "GET": read(needs=MANAGER),
        "POST": write(
            MANAGER,
            302,
            body=lambda _w: {"visibility": "workspace", "gate": "open"},
        ),
    },
    "marketplace:rename": {
        "POST": write(
            MANAGER,
            302,
            body=lambda w: {"namespace": w["namespace"], "name": "moved"},
        )
    },
    "marketplace:forget-address": {"POST": write(MANAGER, 302)},
    "marketplace:clear": {
        "POST": write(
            MANAGER, 409, body=lambda _w: {"revision": "main", "reason": "I read it."}
        )
    },
    "marketplace:act": {"POST": write(VIEWER, 302, body=lambda _w: {"action": "like"})},
    "marketplace:trash": {"GET": read(**OWN)},
    "marketplace:restore": {"POST": write(VIEWER, 404)},
    "marketplace:subject-feedback": {
        "GET": read(),
        "POST": write(VIEWER, 302, body=lambda _w: {"title": "Why?", "text": "So?"}),
    },
    "marketplace:subject-thread": {
        "GET": read(),
        "POST": write(
            VIEWER, 302, body=lambda _w: {"action": "answer", "text": "Thus."}
        ),
    },
    "marketplace:feedback": {
        "GET": read(),
        "POST": write(VIEWER, 302, body=lambda _w: {"title": "Why?", "text": "So?"}),
    },
    "marketplace:thread": {
        "GET": read(),
        "POST": write(
            VIEWER, 302, body=lambda _w: {"action": "answer", "text": "Thus."}
        ),
    },
    "marketplace:promise": {"GET": read(**OPEN)},
}
