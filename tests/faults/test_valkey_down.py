"""PostgreSQL is the truth: with Valkey away people read and label on."""

import uuid
from pathlib import Path

import httpx
import pytest

from tests.stack import EMAIL, PASSWORD, running_stack

pytestmark = pytest.mark.faults
NOBODY_LISTENS = "redis://127.0.0.1:1"


def test_reading_labeling_and_queueing_go_on(tmp_path: Path):
    with (
        running_stack(
            tmp_path, num_images=1, parts=("web",), REDIS_URL=NOBODY_LISTENS
        ) as stack,
        httpx.Client(base_url=stack.url, timeout=30, follow_redirects=True) as client,
    ):
        client.get("/accounts/login/")
        form = {
            "login": EMAIL,
            "password": PASSWORD,
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
        }
        home = client.post("/accounts/login/", data=form)
        document = client.get("/api/v1/labeling/images/1/document/")
        annotation = {
            "id": str(uuid.uuid4()),
            "label_id": document.json()["labels"][0]["id"],
            "kind": "box",
            "bbox": [1, 2, 30, 40],
        }
        csrf = {"X-CSRFToken": client.cookies["csrftoken"], "Referer": stack.url}
        saved = client.post(
            "/api/v1/labeling/images/1/operations/",
            json={"operations": [{"op": "put", "annotation": annotation}]},
            headers={**csrf, "If-Match": '"0"', "Idempotency-Key": str(uuid.uuid4())},
        )
        queued = client.post(
            "/api/v1/labeling/projects/1/prelabel/", json={}, headers=csrf
        )
        project = client.get("/labeling/projects/1/")

    assert (home.status_code, home.url.path) == (200, "/")
    assert (saved.status_code, saved.json()) == (200, {"revision": 1})
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    assert "No worker answers right now" in project.text
