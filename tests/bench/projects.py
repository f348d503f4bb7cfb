"""A project of 100,000 images and 1,000,000 boxes: pages, queue, import."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from tests.bench.big_project import NUM_BOXES, NUM_IMAGES, database, fill, job_s
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import ROOT, Running, environment

NUM_IMPORTED = NUM_IMAGES // 10
NUM_ASKERS, ASKING_S = 50, 20
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
        project_id = fill(running, client)
        yield from _pages(client, project_id)
        yield from _queue(running, project_id)
        yield from _import(running, client, project_id)


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
    with database(running) as connection:
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
    took_s = job_s(
        client,
        f"/api/v1/labeling/projects/{project_id}/imports/",
        data={"form": "coco"},
        files={"file": ("a.json", json.dumps(coco))},
    )
    yield Row(what=what, value=took_s, unit="s", goal=20)
