"""A project of 100,000 images and 1,000,000 boxes: pages, queue, import."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import psycopg

from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import ROOT, Running, environment

NUM_IMAGES = int(os.environ.get("BENCH_IMAGES", "100000"))
NUM_BOXES = 10  # an image
NUM_IMPORTED = NUM_IMAGES // 10
NUM_ASKERS, ASKING_S = 50, 20
IMAGES_SQL = """
INSERT INTO labeling_image (
  project_id, name, sha256, size_bytes, media_type, shown_sha256, shown_media_type,
  shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes, width, height, state,
  review, split, revision, num_annotations, num_predictions, created_by_id,
  created_at, updated_at)
SELECT %(project)s, 'line-' || n %% 20 || '-' || lpad(n::text, 6, '0') || '.jpg',
  encode(sha256(n::text::bytea), 'hex'), 1000, 'image/jpeg',
  encode(sha256(n::text::bytea), 'hex'), 'image/jpeg', 1000,
  encode(sha256(n::text::bytea), 'hex'), 1000, 1920, 1080,
  CASE WHEN n %% 2 = 0 THEN 'submitted' ELSE 'unlabeled' END,
  CASE WHEN n %% 10 = 0 THEN 'accepted' ELSE '' END, '', 1, %(boxes)s, 0, %(user)s,
  now(), now()
FROM generate_series(1, %(images)s) n
"""
BOXES_SQL = """
INSERT INTO labeling_annotation (
  image_id, uid, label_id, kind, packed, source, attributes, is_occluded, is_truncated,
  layer, created_by_id, updated_by_id, created_at, updated_at, x1, y1, x2, y2)
SELECT i.id, gen_random_uuid(), %(label)s, 'box', '', 'human', '{}', false, false, 0,
  %(user)s, %(user)s, now(), now(), 100 * b, 50, 100 * b + 80, 150
FROM labeling_image i, generate_series(0, %(boxes)s - 1) b
WHERE i.project_id = %(project)s
"""
# Annotators who each submit an image every three seconds on average, in one process.
ASKING = """
import json, random, threading, time
from django.db import connection
from apps.accounts.models import Membership, User
from apps.accounts.types import Role
from apps.labeling.models import Image, Project
from apps.labeling.services.allocating import take_next
from apps.labeling.services.images import submit_image
project = Project.objects.get(pk={project})
people = [User.objects.create(email=f"asker{{n}}@example.com") for n in range({askers})]
for user in people:
    Membership.objects.create(workspace_id=project.workspace_id, user=user, role=Role.ANNOTATOR)
took_ms, given, end = [], [], time.monotonic() + {seconds}
def work(user):
    rnd, last = random.Random(user.pk), 0
    while time.monotonic() < end:
        time.sleep(rnd.uniform(2, 4))
        began = time.perf_counter()
        image_id = take_next(user=user, project_id=project.pk, after_id=last)
        took_ms.append(1000 * (time.perf_counter() - began))
        given.append(image_id)
        submit_image(user=user, image_id=image_id)
        last = image_id
    connection.close()
threads = [threading.Thread(target=work, args=[user]) for user in people]
for one in threads: one.start()
for one in threads: one.join()
print(json.dumps({{"took_ms": took_ms, "given": given}}))
"""


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        project_id = _fill(running, client)
        yield from _pages(client, project_id)
        yield from _queue(running, project_id)
        yield from _import(running, client, project_id)


def _fill(running: Running, client: httpx.Client) -> int:
    workspace = client.get("/api/v1/accounts/workspaces/").json()["results"][0]["id"]
    body = {"workspace_id": workspace, "name": "Big", "labels": ["car"]}
    made = client.post("/api/v1/labeling/projects/", json=body).json()
    path = f"/api/v1/labeling/projects/{made['id']}/labels/"
    given = {
        "project": made["id"],
        "label": client.get(path).json()[0]["id"],
        "images": NUM_IMAGES,
        "boxes": NUM_BOXES,
    }
    with _database(running) as connection:
        row = connection.execute("SELECT min(id) FROM accounts_user").fetchone()
        assert row is not None
        for statement in (IMAGES_SQL, BOXES_SQL):
            connection.execute(statement, {**given, "user": row[0]})
        connection.execute("VACUUM ANALYZE labeling_image, labeling_annotation")
    return int(made["id"])


def _database(running: Running) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(running.state.database_url, autocommit=True)


def _pages(client: httpx.Client, project_id: int) -> Iterator[Row]:
    page = f"/labeling/projects/{project_id}/images/"
    listed = f"/api/v1/labeling/projects/{project_id}/images/"
    middle = {"state": "submitted", "review": "accepted"}
    filters: Sequence[tuple[str, dict[str, str]]] = [
        ("state", {"state": "submitted"}),
        ("review", {"review": "to_review"}),
        ("both", middle),
        ("name", {"name": "line-7-0"}),
        ("a name that is not there", {"name": "no such"}),
        ("person", {"assignee": "1"}),
    ]
    yield _p95("list page", 100, lambda: client.get(page))
    yield _p95("list, API", 100, lambda: client.get(listed))
    for name, query in filters:
        yield _p95(
            f"list page by {name}",
            300,
            lambda query=query: client.get(page, params=query),  # type: ignore[misc]
        )


def _p95(what: str, goal: float, ask: Callable[[], httpx.Response]) -> Row:
    ask().raise_for_status()
    took_ms = []
    for _ in range(40):
        began = time.perf_counter()
        ask().raise_for_status()
        took_ms.append(1000 * (time.perf_counter() - began))
    return Row(what=f"{what}, p95", value=_at(took_ms, 0.95), unit="ms", goal=goal)


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def _queue(running: Running, project_id: int) -> Iterator[Row]:
    env = {
        **environment(running.var),
        "DATABASE_URL": running.state.database_url,
        "REDIS_URL": running.state.redis_url,
    }
    code = ASKING.format(project=project_id, askers=NUM_ASKERS, seconds=ASKING_S)
    told = json.loads(
        subprocess.run(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=env, check=True, capture_output=True, text=True,
        ).stdout.splitlines()[-1]
    )  # fmt: skip
    asked = f"next image, {NUM_ASKERS} annotators at an image every 3 s each"
    yield Row(
        what=f"{asked}, p95", value=_at(told["took_ms"], 0.95), unit="ms", goal=30
    )
    yield Row(what=f"{asked}, median", value=_at(told["took_ms"], 0.5), unit="ms")
    twice = len(told["given"]) - len(set(told["given"]))
    yield Row(what="images given twice", value=twice, unit="images", goal=0)


def _import(running: Running, client: httpx.Client, project_id: int) -> Iterator[Row]:
    with _database(running) as connection:
        rows = connection.execute(
            "SELECT name FROM labeling_image WHERE project_id = %s ORDER BY id LIMIT %s",
            [project_id, NUM_IMPORTED],
        ).fetchall()
    images = [
        {"id": n, "file_name": name, "width": 1920, "height": 1080}
        for n, (name,) in enumerate(rows)
    ]
    boxes = [
        {
            "id": 10 * n + b,
            "image_id": n,
            "category_id": 1,
            "bbox": [90 * b, 500, 70, 60],
        }
        for n in range(len(rows))
        for b in range(NUM_BOXES)
    ]
    coco = {
        "images": images,
        "annotations": boxes,
        "categories": [{"id": 1, "name": "car"}],
    }
    what = f"import of {len(images):,} images' {len(boxes):,} boxes, COCO"
    took_s = _job(
        client,
        f"/api/v1/labeling/projects/{project_id}/imports/",
        data={"form": "coco"},
        files={"file": ("a.json", json.dumps(coco))},
    )
    yield Row(what=what, value=took_s, unit="s", goal=20)


def _job(client: httpx.Client, path: str, **given: Any) -> float:
    """How long a job took from being asked for."""
    began = time.monotonic()
    answer = client.post(path, **given)
    answer.raise_for_status()
    job = f"/api/v1/jobs/{answer.json()['job_id']}/"
    while (state := client.get(job).json())["status"] not in {"done", "failed"}:
        time.sleep(0.2)
    assert state["status"] == "done", state
    return time.monotonic() - began
