"""The same project written out, frozen and compared."""

import time
from collections.abc import Iterator

import httpx
import psutil

from tests.bench.big_project import NUM_BOXES, NUM_IMAGES, database, fill, job_s
from tests.bench.peak import Peak
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import Running

SIZE = f"{NUM_IMAGES:,} images, {NUM_IMAGES * NUM_BOXES:,} boxes"
CHANGES_SQL = """
UPDATE labeling_annotation a SET x2 = x2 + 5 FROM labeling_image i
WHERE i.id = a.image_id AND i.project_id = %s AND i.id %% 100 = 0
"""
# What both versions change is in conflict, the rest is changed by the third alone.
PARTED_SQL = """
UPDATE labeling_annotation a SET x2 = x2 + 3 FROM labeling_image i
WHERE i.id = a.image_id AND i.project_id = %s AND i.id %% 100 < 2
"""
ALL_SQL = """
UPDATE labeling_annotation a SET x1 = x1 + 1 FROM labeling_image i
WHERE i.id = a.image_id AND i.project_id = %s
"""
STAND_ON_SQL = "UPDATE labeling_project SET stands_on_id = %s WHERE id = %s"


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        project_id = fill(running, client)
        yield from _exports(running, client, project_id)
        yield from _versions(running, client, project_id)


def _exports(running: Running, client: httpx.Client, project_id: int) -> Iterator[Row]:
    path = f"/api/v1/labeling/projects/{project_id}/exports/"
    for form, title in (("coco", "COCO"), ("yolo-detect", "YOLO")):
        with Peak(lambda: _worker_rss(running)) as peak:
            took_s = job_s(client, path, json={"form": form})
        what = f"export as {title}, {SIZE}"
        yield Row(what=what, value=took_s, unit="s", goal=60)
        mib = peak.bytes / 2**20
        yield Row(what=f"{what}, RSS of the worker", value=mib, unit="MiB", goal=512)


def _worker_rss(running: Running) -> int:
    """Of the largest worker process: one of them writes the export."""
    return _largest_rss(running, "worker")


def _web_rss(running: Running) -> int:
    return _largest_rss(running, "web")


def _largest_rss(running: Running, name: str) -> int:
    found = [0]
    for record in running.state.processes:
        if record.name.startswith(name):
            worker = psutil.Process(record.pid)
            found += [
                process.memory_info().rss
                for process in [worker, *worker.children(recursive=True)]
            ]
    return max(found)


def _versions(running: Running, client: httpx.Client, project_id: int) -> Iterator[Row]:
    path = f"/api/v1/labeling/projects/{project_id}/versions/"
    took_s = _took_s(
        client, "POST", path, json={"note": "first", "only_submitted": False}
    )
    yield Row(what=f"snapshot, {SIZE}", value=took_s, unit="s", goal=20)
    with database(running) as connection:
        connection.execute(CHANGES_SQL, [project_id])
    took_s = _took_s(
        client, "POST", path, json={"note": "second", "only_submitted": False}
    )
    what = "snapshot after 1 % of the images changed"
    yield Row(what=what, value=took_s, unit="s", goal=20)
    newest = client.get(path).json()["results"][0]["id"]
    difference = f"/api/v1/labeling/versions/{newest}/difference/"
    took_s = _took_s(client, "GET", difference)
    yield Row(what="difference of the two snapshots", value=took_s, unit="s", goal=5)
    yield from _merges(running, client, project_id)


def _merges(running: Running, client: httpx.Client, project_id: int) -> Iterator[Row]:
    path = f"/api/v1/labeling/projects/{project_id}/versions/"
    second, first = (row["id"] for row in client.get(path).json()["results"])

    def parted(statement: str, stands_on: int | None) -> str:
        """Freeze what a statement changes as a version that came of an earlier one."""
        with database(running) as connection:
            connection.execute(statement, [project_id])
            connection.execute(STAND_ON_SQL, [stands_on, project_id])
        made = client.post(path, timeout=300, json={"only_submitted": False})
        return f"/api/v1/labeling/versions/{made.json()['id']}/merge/"

    merge = parted(PARTED_SQL, first)
    took_s = _took_s(client, "GET", merge, params={"other_id": second})
    what = "of two versions, 1 % of the images in conflict, 1 % changed by one"
    yield Row(what=f"preview of a merge {what}", value=took_s, unit="s", goal=5)
    took_s = _took_s(client, "POST", merge, json={"other_id": second})
    yield Row(what=f"merge {what}, {SIZE}", value=took_s, unit="s", goal=20)
    merge = parted(ALL_SQL, None)
    with Peak(lambda: _web_rss(running)) as peak:
        took_s = _took_s(client, "POST", merge, json={"other_id": second})
    what = "merge of two versions that differ in every image, objects of both"
    yield Row(what=what, value=took_s, unit="s", goal=20)
    mib = peak.bytes / 2**20
    yield Row(what=f"{what}, RSS of the web process", value=mib, unit="MiB", goal=512)


def _took_s(client: httpx.Client, method: str, path: str, **given: object) -> float:
    began = time.monotonic()
    client.request(method, path, timeout=300, **given).raise_for_status()  # type: ignore[arg-type]  # httpx's own keywords
    return time.monotonic() - began
