"""Every route x every method x everybody, against the table in permissions.py.

Pages are rendered from empty templates: who is let in is asked here, what a page says
elsewhere. Sessions lie in their cookies, so that 20,000 requests do not each read one.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.template import Origin
from django.template.loaders.base import Loader
from django.test import Client, override_settings
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Role, Scope
from tests.api.hub_permissions import HUB
from tests.api.permissions import API, PAGES, PERSONAL, THIRD_PARTY
from tests.api.routes import Route, all_routes
from tests.api.rules import Rule, World
from tests.api.world import make_world
from tests.factories.accounts import UserFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
SAFE = {"GET", "HEAD", "OPTIONS"}
ROUTES = {route.name: route for route in all_routes()}
RANK = list(Scope).index
TOKENS = {f"{scope}-token": scope for scope in Scope}
ADMIN = {name for name in ROUTES if name.startswith("admin:")}
OUR_APPS = (
    "core", "accounts", "webhooks", "jobs", "marketplace", "feedback", "labeling", "deployments",
    "trials", "evaluations", "transfer",
)  # fmt: skip


class EmptyTemplates(Loader):
    def get_template_sources(self, template_name: str) -> Iterator[Origin]:
        yield Origin(name=template_name, template_name=template_name, loader=self)

    def get_contents(self, _origin: Origin) -> str:
        return ""


@pytest.fixture
def _empty_templates(settings: Any) -> None:
    engine = settings.TEMPLATES[0]
    loaders = [f"{__name__}.{EmptyTemplates.__name__}"]
    settings.TEMPLATES = [
        {
            **engine,
            "APP_DIRS": False,
            "OPTIONS": {**engine["OPTIONS"], "loaders": loaders},
        }
    ]


@pytest.fixture(scope="module")
def workspace(one_transaction: None) -> Workspace:
    return WorkspaceFactory(name="Plant 7")


@pytest.fixture(scope="module")
def people(workspace: Workspace) -> dict[str, User]:
    made = {role.value: UserFactory(email=f"{role}@example.com") for role in Role}
    for role, user in made.items():
        Membership.objects.create(workspace=workspace, user=user, role=role)
    stranger = UserFactory(email="stranger@example.com")
    Membership.objects.create(
        workspace=WorkspaceFactory(name="Elsewhere"), user=stranger, role=Role.OWNER
    )
    return {**made, "stranger": stranger}


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkouts")


@pytest.fixture(autouse=True)
def _there(checkouts: Path, settings: Any) -> None:
    settings.CHECKOUTS_DIR = checkouts


@pytest.fixture(scope="module")
def world(workspace: Workspace, people: dict[str, User], checkouts: Path) -> World:
    return make_world(workspace, people, checkouts)


@pytest.fixture(scope="module")
def _sessions_in_cookies() -> Iterator[None]:
    with override_settings(
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"
    ):
        yield


@pytest.fixture(scope="module")
def clients(
    people: dict[str, User], world: World, _sessions_in_cookies: None
) -> dict[str, Client]:
    """Each begins every request with the session or the token that it has here."""
    made: dict[str, Client] = {"anonymous": APIClient()}
    for name, user in people.items():
        made[name] = APIClient(headers={"Cookie": _session_of(user)})
    for scope in Scope:
        _token, secret = create_token(user=people["owner"], name=scope, scope=scope)
        made[f"{scope}-token"] = APIClient(
            headers={"Authorization": f"Bearer {secret}"}
        )
    return made


def _session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    name = configured.SESSION_COOKIE_NAME
    return f"{name}={client.cookies[name].value}"


@pytest.fixture(scope="module")
def before(clients: dict[str, Client]) -> list[tuple[str, str]]:
    """All that the tables hold at the beginning of each test."""
    return dump()


def ask(
    client: Client, route: Route, method: str, world: World, rule: Rule | None
) -> HttpResponseBase:
    url = reverse(route.name, kwargs={key: world[key] for key in route.parameters})
    is_page = route.name in PAGES
    body = rule.body(world) if rule and rule.body else None
    is_form = is_page or (rule is not None and rule.is_upload)
    given: dict[str, Any] = {} if method in SAFE else {"data": body}
    if body is not None:
        given["format"] = "multipart" if is_form else "json"
    answer = getattr(client, method.lower())(
        url, headers=rule.headers if rule else {}, **given
    )
    answer.getvalue()  # a stream is open until it is read
    return answer


def expected(name: str, method: str, actor: str) -> int:
    is_page = name in PAGES
    rules = PAGES[name] if is_page else API[name]
    scope = TOKENS.get(actor) if not is_page else None
    person = "owner" if scope else actor if actor not in TOKENS else "anonymous"
    is_public = any(rule.anonymous for rule in rules.values())
    if person == "anonymous" and not is_public:
        return 302 if is_page else 401
    if scope and not (is_public or method in SAFE or _reaches(scope, rules)):
        return 403
    rule = rules.get("GET" if method == "HEAD" else method)
    if rule is None:
        return 200 if method == "OPTIONS" and not is_page else 405
    return _expected_of_person(name, rule, person)


def _expected_of_person(name: str, rule: Rule, person: str) -> int:
    if person == "anonymous":
        assert rule.anonymous is not None, "a public route says so for each method"
        return rule.anonymous
    if person == "stranger":
        return rule.stranger or 404
    if name in PERSONAL and person != "owner":
        return 404
    return rule.answer if Role(person).allows(rule.needs) else 403


def _reaches(scope: Scope, rules: dict[str, Rule]) -> bool:
    """A view asks one scope for whatever is not a GET: the widest of its rules.

    One that only answers questions which do not fit into an address says READ for it.
    """
    asked = [rule.scope for method, rule in rules.items() if method != "GET"]
    if not asked:
        asked = [Scope.WRITE, *(rule.scope for rule in rules.values())]
    needed = max(asked, key=RANK)
    return RANK(scope) >= RANK(needed)


def dump() -> list[tuple[str, str]]:
    """All that our tables hold, but for when a token was last used."""
    tables = [
        model._meta.db_table  # noqa: SLF001 -- Django's own public name
        for app in OUR_APPS
        for model in apps.get_app_config(app).get_models()
    ]
    rows = " UNION ALL ".join(
        f"SELECT '{table}', (to_jsonb(row) - 'last_used_at')::text FROM {table} row"  # noqa: S608 -- our own names
        for table in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(rows)
        return sorted(cursor.fetchall())


def _between_savepoints(rules: dict[str, Rule]) -> list[list[str]]:
    """What may change something begins from the world as it was made."""
    changing = [method for method in METHODS if method in rules.keys() - SAFE]
    return [
        [each for each in METHODS if each not in changing],
        *([m] for m in changing),
    ]


def test_every_route_stands_in_the_table():
    ours = API.keys() | PAGES.keys() | HUB.keys()
    assert ROUTES.keys() - ADMIN - THIRD_PARTY == ours


@pytest.mark.usefixtures("_empty_templates")
@pytest.mark.parametrize("name", sorted(API.keys() | PAGES.keys()))
def test_everybody_gets_what_the_table_says(
    name: str, clients: dict[str, APIClient], world: World
):
    rules = PAGES.get(name) or API[name]
    wrong = []

    for actor, client in clients.items():
        for methods in _between_savepoints(rules):
            with transaction.atomic():
                for method in methods:
                    answer = ask(client, ROUTES[name], method, world, rules.get(method))
                    if answer.status_code != expected(name, method, actor):
                        wrong.append((actor, method, answer.status_code))
                transaction.set_rollback(True)

    assert wrong == [], {
        (actor, method): expected(name, method, actor) for actor, method, _ in wrong
    }


@pytest.mark.parametrize(
    "name",
    sorted(n for n, r in API.items() if {x.stranger for x in r.values()} == {None}),
)
def test_a_stranger_is_told_nothing_and_changes_nothing(
    name: str,
    clients: dict[str, APIClient],
    world: World,
    before: list[tuple[str, str]],
):
    answers = [
        ask(clients["stranger"], ROUTES[name], method, world, rule)
        for method, rule in API[name].items()
    ]

    for answer in answers:
        assert answer.status_code == 404
        assert answer.json().keys() == {"detail", "code"}
        assert answer.json()["code"] == "not_found"
    assert dump() == before


def test_who_may_only_look_changes_nothing(
    clients: dict[str, APIClient], world: World, before: list[tuple[str, str]]
):
    for name, rules in (API | PAGES).items():
        for method in set(METHODS) - SAFE:
            for actor in ("anonymous", "read-token"):
                ask(clients[actor], ROUTES[name], method, world, rules.get(method))

    assert dump() == before


def test_the_admin_is_closed_to_who_is_not_staff(clients: dict[str, APIClient]):
    arguments = {"app_label": "jobs"}
    urls = ["/admin/nothing/"]
    for name in ADMIN - {"admin:", "admin:login"}:
        given = {key: arguments.get(key, "1") for key in ROUTES[name].parameters}
        urls.append(reverse(name, kwargs=given))

    answers = [client.get(url) for url in urls for client in clients.values()]

    assert {answer.status_code for answer in answers} == {302}
