"""Every Hub route x every method x everybody, against the table in hub_permissions.py."""

import io
from dataclasses import asdict
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Role, Scope
from apps.core import blobs
from apps.marketplace.collections.services import add_item, create_collection
from apps.marketplace.feedback.selectors import subject_of
from apps.marketplace.feedback.services import open_thread
from apps.marketplace.models import Model
from apps.marketplace.services.commits import Changes, NewFile, commit
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.services.tokens import create_limited_token
from apps.marketplace.types import Kind
from tests.api.hub_permissions import HUB, World
from tests.api.routes import all_routes
from tests.factories.accounts import UserFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROUTES = {route.name: route for route in all_routes() if route.name in HUB}
# Whatever a token names, this is none of it.
UNLIMITED = frozenset({("hub:create", "POST"), ("hub:collections", "POST")})
# A workspace's own, of which no token for named repositories knows.
HIDDEN = frozenset({"hub:collection", "hub:collection-items", "hub:collection-item"})
ACTORS = ("anonymous", "stranger", "viewer", "annotator", "manager", "read_token")


@pytest.fixture(scope="module")
def workspace(one_transaction: None) -> Workspace:
    return WorkspaceFactory(name="Plant 7")


@pytest.fixture(scope="module")
def alice(workspace: Workspace) -> User:
    return _member(workspace, Role.OWNER)


@pytest.fixture(scope="module")
def world(alice: User) -> World:
    blob = blobs.put(io.BytesIO(b"# Card"))
    file = NewFile(
        path="in/README.md",
        sha256=blob.sha256,
        size=blob.size,
        git_oid="0" * 40,
        is_lfs=False,
    )
    for kind in Kind:
        made = create_repository(user=alice, namespace="", name="boards", kind=kind)
        commit(model=made, user=alice, changes=Changes(title="First", files=[file]))
    collection = create_collection(user=alice, namespace=made.namespace, title="Boards")
    model = Model.objects.get(name="boards", kind=Kind.MODEL)
    item = add_item(user=alice, collection=collection, model=model)
    return {
        "namespace": made.namespace.name,
        "name": "boards",
        "kind": Kind.MODEL,
        "revision": "main",
        "status": "pending",
        "ticket": "forged",
        "number": 1,
        "namespace_id": made.namespace_id,
        "epoch": 1,
        "digest": "0" * 64,
        "rest": "v1/telemetry",
        "slug": collection.slug.partition("/")[2],
        "item_id": f"{item.pk:024x}",
        "num": open_thread(
            user=alice, subject=subject_of(model), title="Dents", text="Missed."
        ).pk,
    }


@pytest.fixture(scope="module")
def clients(workspace: Workspace, alice: User) -> dict[str, Client]:
    charlie = _member(WorkspaceFactory(name="Elsewhere"), Role.OWNER)
    made = {"anonymous": Client(), "stranger": _client(charlie)}
    for role in (Role.VIEWER, Role.ANNOTATOR, Role.MANAGER):
        made[role] = _client(_member(workspace, role))
    made["read_token"] = _client(alice, Scope.READ)
    return made


def _member(workspace: Workspace, role: Role) -> User:
    user = UserFactory()
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


def _client(user: User, scope: Scope = Scope.WRITE) -> Client:
    _token, secret = create_token(user=user, name="t", scope=scope)
    return _bearer(secret)


def _bearer(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def ask(client: Client, name: str, method: str, world: World) -> int:
    rule = HUB[name].get(method)
    path = "in" if name == "hub:tree-in" else "in/README.md"
    given = {**world, "path": path}
    url = reverse(name, kwargs={key: given[key] for key in ROUTES[name].parameters})
    extra: dict[str, Any] = {}
    if method != "GET" and method != "HEAD":
        body = rule.body(world) if rule and rule.body else ""
        kind = rule.media_type if rule else "application/json"
        extra = {"data": body, "content_type": kind}
    answer = getattr(client, method.lower())(url, **extra)
    answer.getvalue()
    return int(answer.status_code)


@pytest.mark.parametrize("name", sorted(HUB))
def test_everybody_gets_what_the_table_says(
    name: str, clients: dict[str, Client], world: World
):
    wrong = {}

    for actor in ACTORS:
        for method in METHODS:
            rule = HUB[name].get(method)
            expected = asdict(rule)[actor] if rule else 405
            with transaction.atomic():
                found = ask(clients[actor], name, method, world)
                transaction.set_rollback(True)
            if found != expected:
                wrong[actor, method] = (found, expected)

    assert wrong == {}


def test_a_browsers_session_reads_and_never_writes(alice: User, world: World):
    client = Client()
    client.force_login(alice)

    assert ask(client, "hub:resolve", "GET", world) == 200
    assert ask(client, "hub:commit", "POST", world) == 401
    assert ask(client, "hub:delete", "DELETE", world) == 401


@pytest.fixture(scope="module")
def limited(alice: User, world: World) -> dict[str, Client]:
    """Her tokens for this repository and, the other, for one beside it."""
    create_repository(user=alice, namespace="", name="beside")
    mine = world["namespace"]
    named = {
        "here": [f"{mine}/boards", f"datasets/{mine}/boards"],
        "beside": [f"{mine}/beside"],
    }
    return {
        place: _bearer(
            create_limited_token(
                user=alice, name="t", scope=Scope.WRITE, repositories=names
            )[1]
        )
        for place, names in named.items()
    }


@pytest.mark.parametrize("name", sorted(HUB))
@pytest.mark.parametrize(
    ("place", "like"), [("here", "manager"), ("beside", "stranger")]
)
def test_a_token_for_a_repository_opens_it_and_hides_every_other(
    name: str, place: str, like: str, limited: dict[str, Client], world: World
):
    wrong = {}

    for method, rule in HUB[name].items():
        actor = "stranger" if name in HIDDEN else like
        expected = 403 if (name, method) in UNLIMITED else asdict(rule)[actor]
        with transaction.atomic():
            found = ask(limited[place], name, method, world)
            transaction.set_rollback(True)
        if found != expected:
            wrong[method] = (found, expected)

    assert wrong == {}
