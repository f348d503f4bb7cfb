"""A project of Alice's with two labels and one real image; clients with tokens."""

import io
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from apps.accounts.services import create_token
from apps.accounts.types import Scope
from apps.labeling.models import Image, Label, Project
from apps.labeling.services.images import add_image
from apps.labeling.services.projects import create_project


@pytest.fixture(scope="module")
def one_transaction(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A module's world is made once; what a test does to it goes with its savepoint."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def token_for() -> Callable[..., str]:
    def make(user: User, scope: Scope = Scope.WRITE) -> str:
        _token, secret = create_token(user=user, name="test", scope=scope)
        return secret

    return make


@pytest.fixture
def bearer() -> Callable[[str], APIClient]:
    def make(secret: str) -> APIClient:
        return APIClient(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.fixture
def project(alice: User, workspace: Workspace) -> Project:
    return create_project(
        user=alice,
        workspace_id=workspace.pk,
        name="Line 3",
        labels=["scratch", "dent"],
    )


@pytest.fixture
def scratch(project: Project) -> Label:
    return Label.objects.get(project=project, name="scratch")


@pytest.fixture
def image(alice: User, project: Project, jpeg: Callable[..., io.BytesIO]) -> Image:
    added, _is_new = add_image(
        user=alice, project_id=project.pk, name="a.jpg", file=jpeg()
    )
    return added
