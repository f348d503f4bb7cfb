"""A project of 100,000 images and 1,000,000 boxes: pages, queue, import."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import httpx

from tests.bench.big_project import NUM_BOXES, NUM_IMAGES, database, fill, job_s
from tests.bench.line import Line
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import ROOT, Running, environment

NUM_IMPORTED = NUM_IMAGES // 10
NUM_ASKERS, ASKING_S = 50, 20
BETWEEN_S = (2.0, 4.0)
# Annotators, each with a token of her own.
PEOPLE = """
import json
from apps.accounts.models import Membership, User
from apps.accounts.services import create_token
from apps.accounts.types import Role, Scope
from apps.labeling.models import Project
project = Project.objects.get(pk={project})
tokens = []
for n in range({askers}):
    user = User.objects.create(email=f"asker{{n}}@example.com")
    Membership.objects.create(workspace_id=project.workspace_id, user=user, role=Role.ANNOTATOR)
    tokens.append(create_token(user=user, name="bench", scope=Scope.WRITE)[1])
print(json.dumps(tokens))
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
    labels = f"/api/v1/labeling/projects/{project_id}/labels/"
    label = client.get(labels).json()[0]["id"]
    middle = {"state": "submitted", "review": "accepted"}
    filters: Sequence[tuple[str, dict[str, str]]] = [
        ("state", {"state": "submitted"}),
        ("review", {"review": "to_review"}),
        ("both", middle),
        ("name", {"name": "line-7-0"}),
        ("a name that is not there", {"name": "no such"}),
        ("text on every image", {"text": "seen from"}),
        ("text on one in a hundred, two characters", {"text": "裂纹"}),
        ("text that is not there", {"text": "no such"}),
        ("place, in the middle", {"at": str(NUM_IMAGES // 2)}),
        ("place, the last", {"at": str(NUM_IMAGES)}),
        ("person", {"assignee": "1"}),
        ("label", {"label": str(label)}),
        ("score", {"min_score": "0.49"}),
        ("a score that is not there", {"min_score": "0.9"}),
        ("split", {"split": "val"}),
        ("doubt, the least sure first", {"order": "doubt"}),
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
    code = PEOPLE.format(project=project_id, askers=NUM_ASKERS)
    told = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        cwd=ROOT, env=env, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    tokens = json.loads(told.splitlines()[-1])
    first_ms, took_ms, given = asyncio.run(
        _label(running.state.address, project_id, tokens)
    )
    what = f"next image over HTTP, {NUM_ASKERS} annotators at an image every 3 s each"
    yield Row(what=f"{what}, p95", value=_at(took_ms, 0.95), unit="ms", goal=30)
    yield Row(what=f"{what}, median", value=_at(took_ms, 0.5), unit="ms")
    what = f"{NUM_ASKERS} first images asked for in one instant"
    yield Row(what=f"{what}, p95", value=_at(first_ms, 0.95), unit="ms")
    yield Row(what=f"{what}, the last answered", value=max(first_ms), unit="ms")
    twice = len(given) - len(set(given))
    yield Row(what="images given twice", value=twice, unit="images", goal=0)


async def _label(
    address: str, project_id: int, tokens: Sequence[str]
) -> tuple[list[float], list[float], list[int]]:
    """Everybody takes an image at once, then submits each and is given the next.

    Returns:
        What the first images took, what the others took with their submitting, in ms,
        and all that were given.
    """
    first_ms: list[float] = []
    took_ms: list[float] = []
    given: list[int] = []
    start = asyncio.Barrier(len(tokens))

    async def work(token: str) -> None:
        line = await Line.opened(address, token)

        async def timed(path: str, key: str, into: list[float]) -> int:
            began = time.perf_counter()
            answer = await line.post(f"/api/v1/labeling/{path}")
            into.append(1000 * (time.perf_counter() - began))
            given.append(answer[key])
            return given[-1]

        await line.get(f"/api/v1/labeling/projects/{project_id}/")
        await start.wait()
        image_id = await timed(f"projects/{project_id}/next/", "image_id", first_ms)
        end = time.monotonic() + ASKING_S
        while time.monotonic() < end:
            await asyncio.sleep(random.uniform(*BETWEEN_S))
            image_id = await timed(f"images/{image_id}/submit/", "next_id", took_ms)
        line.close()

    async with asyncio.TaskGroup() as group:
        for token in tokens:
            group.create_task(work(token))
    return first_ms, took_ms, given


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
