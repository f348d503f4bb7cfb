"""What every page keeps: its frame, the content policy, words, a steady number of queries."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client, RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Scope
from apps.core import views
from apps.labeling.models import Project
from tests.factories.jobs import JobFactory
from tests.factories.labeling import AnnotationFactory, ImageFactory, PredictionFactory
from tests.factories.marketplace import ModelRevisionFactory

PLAIN = [
    "home:home", "labeling:projects", "labeling:new-project", "training:runs",
    "marketplace:models", "deployments:endpoints", "diagnostics:reports", "jobs:jobs",
    "accounts:profile", "accounts:people", "accounts:tokens", "accounts:audit",
    "account_change_password", "account_email",
]  # fmt: skip
OF_PROJECT = ["labeling:project", "labeling:gallery", "labeling:settings"]
ICONS = set(
    re.findall(
        r'symbol id="(\w+)"',
        (Path(settings.BASE_DIR) / "static/img/icons.svg").read_text(),
    )
)


@pytest.fixture
def client(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def test_an_answer_to_a_program_has_the_policy_of_a_page(client: Client) -> None:
    page = client.get(reverse("home:home"))["Content-Security-Policy"]
    first = client.get("/api/v1/accounts/me/")["Content-Security-Policy"]
    again = client.get("/api/v1/accounts/me/")["Content-Security-Policy"]

    def directives(policy: str) -> set[str]:
        return set(re.sub(r" 'nonce-[^']*'", "", policy).split("; "))

    assert directives(first) == directives(again) == directives(page)


@override_settings(ALLOWED_HOSTS=["portal.example.com"], SECURE_SSL_REDIRECT=True)
def test_a_probe_is_answered_by_address_and_without_tls(client: Client) -> None:
    probe = client.get("/healthz", headers={"host": "10.0.0.7:8000"})
    page = client.get("/", headers={"host": "10.0.0.7:8000"})

    assert (probe.status_code, probe.json()) == (200, {"status": "ok"})
    assert page.status_code == 400


@pytest.mark.parametrize("name", PLAIN)
def test_a_page_answers_head_as_it_answers_get(client: Client, name: str) -> None:
    answer = client.head(reverse(name))

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer["Content-Length"]) > 1000


def fill(project: Project, alice: User, num: int) -> None:
    """Put ``num`` of everything that lists show into Alice's workspace."""
    labels = list(project.labels.all())
    for _ in range(num):
        image = ImageFactory(project=project)
        AnnotationFactory(image=image, label=labels[0])
        PredictionFactory(image=image, label=labels[1])
        JobFactory(
            workspace=project.workspace,
            created_by=alice,
            params={"project_id": project.pk},
        )
        ModelRevisionFactory()
        create_token(user=alice, name="robot", scope=Scope.READ)


def urls(project: Project) -> list[str]:
    return [reverse(name) for name in PLAIN] + [
        reverse(name, args=[project.pk]) for name in OF_PROJECT
    ]


def test_every_page_has_one_heading_a_title_and_a_way_past_the_menu(
    client: Client, project: Project, alice: User
) -> None:
    fill(project, alice, 2)

    for url in urls(project):
        html = client.get(url).text
        assert html.count("<h1") == 1, url
        assert re.search(r"<title>\S.+ · dsportal</title>", html), url
        assert 'class="skip" href="#main"' in html, url
        assert html.count('<main id="main"') == 1, url


def test_no_page_has_an_inline_style_or_script(
    client: Client, project: Project, alice: User
) -> None:
    fill(project, alice, 2)

    for url in urls(project):
        html = client.get(url).text
        scripts = re.findall(r"<script(?![^>]*(?: src=|application/json))[^>]*>", html)
        assert scripts == [], url
        assert re.findall(r"<style|\sstyle=|\son\w+=", html) == [], url


def test_every_icon_that_a_page_draws_is_in_the_sprite(
    client: Client, project: Project, alice: User
) -> None:
    fill(project, alice, 2)

    drawn = {
        name
        for url in urls(project)
        for name in re.findall(r"icons\.svg#([\w-]*)", client.get(url).text)
    }

    assert len(drawn) > 20
    assert drawn - ICONS == set()


def test_pages_cost_the_same_queries_for_one_row_and_for_seven(
    client: Client, project: Project, alice: User
) -> None:
    def count() -> dict[str, int]:
        counts = {}
        for url in urls(project):
            with CaptureQueriesContext(connection) as queries:
                client.get(url)
            counts[url] = len(queries)
        return counts

    fill(project, alice, 1)
    count()  # some pages write on the first visit
    with_one = count()
    fill(project, alice, 6)

    assert count() == with_one


def test_the_theme_and_the_folded_rail_come_from_cookies(client: Client) -> None:
    client.cookies.load({"theme": "dark", "rail": "folded"})

    html = client.get(reverse("home:home")).text

    assert 'data-theme="dark" data-rail="folded"' in html


def test_a_strange_theme_falls_back_to_the_systems(client: Client) -> None:
    client.cookies.load({"theme": '"><script>'})

    assert 'data-theme="system"' in client.get(reverse("home:home")).text


def test_the_page_speaks_the_language_that_was_chosen(client: Client) -> None:
    client.post(reverse("set_language"), {"language": "zh-hans"})

    html = client.get(reverse("jobs:jobs")).text

    assert '<html lang="zh-hans"' in html
    assert "<h1>任务</h1>" in html


def test_the_place_where_one_is_is_marked_once(client: Client) -> None:
    html = client.get(reverse("jobs:jobs")).text

    assert re.findall(r'rail-link" href="([^"]+)" aria-current="page"', html) == [
        "/jobs/"
    ]


def test_the_palette_knows_pages_and_the_workspaces_projects(
    client: Client, project: Project, charlie: User, workspace: Workspace
) -> None:
    other = Client()
    other.force_login(charlie)

    mine = client.get(reverse("home:home")).text
    hers = other.get(reverse("home:home")).text

    entry = f'"label": "Line 3", "url": "/labeling/projects/{project.pk}/"'
    assert entry in mine
    assert "Line 3" not in hers


def test_a_stranger_to_the_site_sees_a_404_without_the_menu(db: None) -> None:
    answer = Client().get("/nowhere/")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'class="rail"' not in answer.text


def test_the_500_page_stands_without_a_database(
    django_assert_num_queries: Callable[[int], object], db: None
) -> None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()

    with django_assert_num_queries(0):
        answer = views.server_error(request)

    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()


@pytest.mark.parametrize(
    "name",
    ["account_login", "account_signup", "account_reset_password", "account_logout"],
)
def test_the_entrance_has_labels_for_all_its_fields(db: None, name: str) -> None:
    html = Client().get(reverse(name), follow=True).text

    fields = set(re.findall(r'<input type="(?!hidden)[^>]* id="(\w+)"', html))
    labels = set(re.findall(r'<label for="(\w+)"', html))
    assert fields <= labels
    assert html.count("<h1") == 1
