"""A portal to fetch from, with a network between that misbehaves when told to."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi
from rest_framework.test import APIClient

from apps.accounts.models import User, Workspace
from tests.api.fetching.wires import Wire, wire
from tests.stack import Stack

FETCH = "/api/v1/marketplace/catalogue/fetch/"
TOKEN = """
import json
from apps.accounts.models import User
from apps.accounts.services import create_token
admin = User.objects.filter(is_superuser=True).first()
print(json.dumps(create_token(user=admin, name="up", scope="write")[1]))
"""


@pytest.fixture(scope="module")
def there(stack: Stack) -> HfApi:
    return HfApi(endpoint=stack.url, token=str(stack.python(TOKEN)))


@pytest.fixture
def between(stack: Stack, there: HfApi, settings: Any) -> Iterator[Wire]:
    with wire(stack.url) as told:
        settings.HUB_UPSTREAM = told.url
        settings.HUB_UPSTREAM_TOKEN = there.token
        yield told


@pytest.fixture
def publish(there: HfApi, tmp_path: Path, request: Any) -> Callable[..., str]:
    """Upload files under a name of the test's own at the upstream."""
    name = (
        f"demo/{request.node.name.replace('[', '-').replace(']', '')[:60].strip('-_')}"
    )

    def upload(**files: bytes) -> str:
        there.create_repo(name, exist_ok=True)
        for path, content in files.items():
            there.upload_file(
                repo_id=name,
                path_or_fileobj=content,
                path_in_repo=path.replace("__", "."),
            )
        return name

    return upload


@pytest.fixture
def ask(workspace: Workspace, alice: User, api_as: Callable[..., APIClient]) -> Any:
    def post(source: str, **more: str) -> Any:
        body = {"workspace_id": workspace.pk, "source": source, **more}
        return api_as(alice).post(FETCH, body, format="json")

    return post
