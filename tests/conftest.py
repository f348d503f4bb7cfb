"""Alice owns a workspace, Bob annotates in it, Charlie is a stranger."""

import asyncio
import gc
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.core.cache import cache
from django.db import connection
from django.test import TransactionTestCase
from PIL import Image as PillowImage
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient
from xdist.remote import Producer

from apps.accounts.models import Membership, User, Workspace
from apps.accounts.types import Role
from apps.core import realtime
from dsportal.settings import base
from tests.collector import collector
from tests.emptying import empty_database
from tests.factories.accounts import UserFactory, WorkspaceFactory
from tests.lanes import PORTAL, Lanes, lane
from tests.stack import Stack, running_stack


def pytest_configure() -> None:
    # Circles are few here: looking for them less often takes 3 instead of 9 % of the time.
    gc.set_threshold(10_000)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes:
    return Lanes(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: lane(item.nodeid) != PORTAL)


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Let go of what threads of the sockets' tests still hold of the database."""
    TransactionTestCase._fixture_teardown = lambda _self: empty_database()  # noqa: SLF001 -- no door leads there
    yield
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(others)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One portal of real processes for all tests that break nothing of it."""
    folder = tmp_path_factory.mktemp("stack")
    with collector() as (address, spans):
        traced = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
        with running_stack(folder, num_images=6, HUB_PART_MB="2", **traced) as running:
            running.spans = spans
            yield running


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory(name="Plant 7")


@pytest.fixture
def alice(workspace: Workspace) -> User:
    return _member(workspace, "alice@example.com", Role.OWNER)


@pytest.fixture
def bob(workspace: Workspace) -> User:
    return _member(workspace, "bob@example.com", Role.ANNOTATOR)


@pytest.fixture
def vera(workspace: Workspace) -> User:
    return _member(workspace, "vera@example.com", Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> User:
    return _member(
        WorkspaceFactory(name="Elsewhere"), "charlie@example.com", Role.OWNER
    )


def _member(workspace: Workspace, email: str, role: Role) -> User:
    user = UserFactory(email=email)
    Membership.objects.create(workspace=workspace, user=user, role=role)
    return user


@pytest.fixture
def api_as() -> Callable[[User | None], APIClient]:
    def sign_in(user: User | None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_login(user)
        return client

    return sign_in


@pytest.fixture
def real_layer(settings: Any) -> Iterator[None]:
    """Send news through Valkey: the in-memory layer is not made to cross threads."""
    settings.CHANNEL_LAYERS = base.CHANNEL_LAYERS
    yield
    layer: Any = get_channel_layer()
    of_loop = realtime._loop()  # noqa: SLF001 -- its connections are of that loop
    asyncio.run_coroutine_threadsafe(layer.flush(), of_loop).result(5)


@pytest.fixture
def jpeg() -> Callable[..., io.BytesIO]:
    def make(
        width: int = 64,
        height: int = 48,
        *,
        color: str = "#7799aa",
        name: str = "a.jpg",
    ) -> io.BytesIO:
        file = io.BytesIO()
        PillowImage.new("RGB", (width, height), color).save(file, "JPEG")
        file.seek(0)
        file.name = name
        return file

    return make
