"""What a folder's images are called, and which of them need not be sent again."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.labeling.models import Image, Project
from tests.api.test_images import encoded
from tests.factories.labeling import ImageFactory


@pytest.fixture
def client(bob: User, api_as: Callable[[User], APIClient]) -> APIClient:
    return api_as(bob)


def send(client: APIClient, project: Project, content: bytes, **form: str) -> Any:
    file = io.BytesIO(content)
    file.name = "7.png"
    url = reverse("labeling-api:image-list", args=[project.pk])
    return client.post(url, {"file": file, **form})


def test_it_is_called_by_its_path_in_the_folder(client: APIClient, project: Project):
    for path in ("../7.png", "/etc/7.png", "a//7.png", "a/./7.png", "C:\\7.png"):
        refused = send(client, project, encoded("PNG"), path=path)
        assert refused.status_code == 400, path
        assert "is no path within a folder" in str(refused.json()["fields"]["path"])
    assert not Image.objects.filter(project=project).exists()

    assert (
        send(client, project, encoded("PNG"), path="monday\\早班/7.png").json()["name"]
        == "monday/早班/7.png"
    )


def test_what_the_project_has_need_not_be_sent(client: APIClient, project: Project):
    content = encoded("PNG")
    added = send(client, project, content).json()
    elsewhere = ImageFactory(sha256="e" * 64)
    url = reverse("labeling-api:image-known", args=[project.pk])

    def ask(*hashes: str) -> Any:
        return client.post(url, {"sha256": hashes}, format="json")

    own = hashlib.sha256(content).hexdigest()
    assert ask(own, elsewhere.sha256, "0" * 64).json() == {
        "images": [{"id": added["id"], "sha256": own}]
    }
    assert ask().json() == {"images": []}
    assert ask("../secret").status_code == 400
    assert ask(*["0" * 64] * 1001).status_code == 400
