"""Who may do what on each Hub route, in the statuses that Hub clients understand.

A route that is not in it fails test_permissions.py.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

World = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What each person is answered; the repository is the workspace's own.

    Attributes:
        read_token: The owner's, which only reads.
        body: Of a sound request: JSON, or what ``media_type`` says.
    """

    anonymous: int = 401
    stranger: int = 404
    viewer: int = 200
    annotator: int = 200
    manager: int = 200
    read_token: int = 200
    body: Callable[[World], Any] | None = None
    media_type: str = "application/json"


def read(**changes: Any) -> Answers:
    return Answers(**changes)


def write(**changes: Any) -> Answers:
    return Answers(**{"viewer": 403, "read_token": 403, **changes})


def manage(**changes: Any) -> Answers:
    return write(**{"annotator": 403, **changes})


def anyone(**changes: Any) -> Answers:
    return read(**{"anonymous": 200, "stranger": 200, **changes})


def nobody() -> Answers:
    """These ask for a token of their own kind, which an account's is not."""
    return Answers(**dict.fromkeys(_PEOPLE, 401))


_PEOPLE = ("anonymous", "stranger", "viewer", "annotator", "manager", "read_token")


def _commit(_world: World) -> str:
    lines = [
        {"key": "header", "value": {"summary": "More"}},
        {
            "key": "file",
            "value": {"path": "a", "content": "YQ==", "encoding": "base64"},
        },
    ]
    return "\n".join(map(json.dumps, lines))


def _named(world: World) -> dict[str, str]:
    return {"name": world["name"], "organization": world["namespace"]}


def _batch(_world: World) -> dict[str, Any]:
    return {"operation": "upload", "objects": [{"oid": "0" * 64, "size": 1}]}


_PREUPLOAD = {"files": [{"path": "a", "size": 1, "sample": "YQ=="}]}
_OWN = {"stranger": 200}

HUB: dict[str, dict[str, Answers]] = {
    "hub:whoami": {"GET": read(**_OWN)},
    "hub:validate-yaml": {"POST": anyone(body=lambda _w: {"content": "# Card"})},
    "hub:create": {
        "POST": write(body=lambda w: {"name": "new", "organization": w["namespace"]})
    },
    "hub:delete": {"DELETE": manage(body=_named)},
    "hub:move": {
        "POST": manage(
            body=lambda w: {
                "fromRepo": f"{w['namespace']}/{w['name']}",
                "toRepo": f"{w['namespace']}/moved",
            }
        )
    },
    "hub:list": {"GET": anyone()},
    "hub:info": {"GET": read()},
    "hub:info-at": {"GET": read()},
    "hub:tree": {"GET": read()},
    "hub:tree-in": {"GET": read()},
    "hub:paths-info": {
        "POST": read(
            body=lambda _w: "paths=README.md",
            media_type="application/x-www-form-urlencoded",
        )
    },
    "hub:refs": {"GET": read()},
    "hub:commits": {"GET": read()},
    "hub:auth-check": {"GET": read()},
    "hub:settings": {"PUT": manage(body=lambda _w: {"private": False})},
    "hub:preupload": {"POST": write(body=lambda _w: _PREUPLOAD)},
    "hub:commit": {"POST": write(body=_commit, media_type="application/x-ndjson")},
    "hub:tag": {
        "POST": write(body=lambda _w: {"tag": "v2"}),
        "DELETE": write(annotator=404, manager=404),
    },
    "hub:branch": {
        "POST": write(annotator=409, manager=409, body=lambda _w: {}),
        "DELETE": write(annotator=403, manager=403),  # main stays
    },
    "hub:xet-write-token": {"GET": write(read_token=401)},
    "hub:like": {"POST": write(viewer=200), "DELETE": write(viewer=200)},
    "hub:asked": {"GET": manage(read_token=200)},
    "hub:decide": {
        "POST": manage(
            manager=404, body=lambda _w: {"user": "n@example.com", "status": "accepted"}
        )
    },
    "hub:lfs-put": {"PUT": nobody(), "POST": nobody()},
    "hub:lfs-part": {"PUT": nobody()},
    "hub:xorb": {"POST": nobody()},
    "hub:shard": {"POST": nobody()},
    "hub:cas-other": {
        "GET": Answers(**dict.fromkeys(_PEOPLE, 404)),
        "POST": Answers(**dict.fromkeys(_PEOPLE, 404)),
    },
    "hub:resolve": {"GET": read(), "HEAD": read()},
    "hub:resolve-dataset": {"GET": read(), "HEAD": read()},
    "hub:lfs": {"POST": write(read_token=200, body=_batch)},
    "hub:lfs-dataset": {"POST": write(read_token=200, body=_batch)},
    "hub:collections": {
        "GET": read(**_OWN),
        "POST": write(body=lambda w: {"title": "New", "namespace": w["namespace"]}),
    },
    "hub:collection": {
        "GET": read(),
        "PATCH": write(body=lambda _w: {"title": "Other"}),
        "DELETE": write(),
    },
    "hub:collection-items": {
        "POST": write(
            body=lambda w: {
                "item": {"type": "dataset", "id": f"{w['namespace']}/{w['name']}"}
            }
        )
    },
    "hub:collection-item": {
        "PATCH": write(body=lambda _w: {"note": "Good"}),
        "DELETE": write(),
    },
    "hub:collection-address": {"GET": Answers(**dict.fromkeys(_PEOPLE, 302))},
    "hub:discussions": {
        "GET": read(),
        "POST": write(
            viewer=200, body=lambda _w: {"title": "Why?", "description": "So?"}
        ),
    },
    "hub:discussion": {"GET": read()},
    "hub:discussion-comment": {
        "POST": write(viewer=200, body=lambda _w: {"comment": "Thus."})
    },
    "hub:discussion-status": {"POST": write(body=lambda _w: {"status": "closed"})},
    "hub:discussion-address": {"GET": Answers(**dict.fromkeys(_PEOPLE, 302))},
    **{
        f"hub:{of}{part}address": {"GET": Answers(**dict.fromkeys(_PEOPLE, 302))}
        for of in ("", "dataset-")
        for part in ("", "commit-", "tree-", "blob-")
    },
    "hub:tree-in-address": {"GET": Answers(**dict.fromkeys(_PEOPLE, 302))},
    "hub:discussions-address": {"GET": Answers(**dict.fromkeys(_PEOPLE, 302))},
    "hub:ask": {"POST": write(viewer=200, body=lambda _w: {})},
    "hub:ask-dataset": {"POST": write(viewer=200, body=lambda _w: {})},
}
