"""One file of 1 GB goes up and comes down again; what the web processes hold meanwhile."""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
from PIL import Image

from tests.bench.peak import Peak
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import Running

SIZE = 1_000_000_000


def measure() -> Iterator[Row]:
    os.environ["MAX_UPLOAD_MB"] = "1000"
    with signed_in() as (running, client), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.jpg"
        _write(path)
        _go_through(client, path, warm_up=True)
        processes = _web(running)
        before = _rss(processes)
        with Peak(lambda: _rss(processes)) as peak:
            received = _go_through(client, path)
    assert received == SIZE, received
    rise = (peak.bytes - before) / 1e6
    yield Row(
        what="rise of RSS over both web processes", value=rise, unit="MB", goal=30
    )
    yield Row(what="their RSS before", value=before / 1e6, unit="MB")


def _write(path: Path) -> None:
    """A sound JPEG with a long empty tail: the picture is small, the file is not."""
    picture = io.BytesIO()
    Image.new("RGB", (640, 480), "gray").save(picture, "JPEG")
    with path.open("wb") as file:
        file.write(picture.getvalue())
        file.truncate(SIZE)


def _go_through(client: httpx.Client, path: Path, *, warm_up: bool = False) -> int:
    """Send a file and read it back; the warm-up's is small and of other bytes."""
    if warm_up:
        small = io.BytesIO()
        Image.new("RGB", (320, 240), "white").save(small, "JPEG")
        return _exchange(client, small.getvalue())
    with path.open("rb") as file:
        return _exchange(client, file)


def _exchange(client: httpx.Client, content: object) -> int:
    project_id = client.get("/api/v1/labeling/projects/").json()["results"][0]["id"]
    url = f"/api/v1/labeling/projects/{project_id}/images/"
    made = client.post(url, files={"file": ("large.jpg", content)}, timeout=300)
    made.raise_for_status()
    file = f"/api/v1/labeling/images/{made.json()['id']}/file/"
    with client.stream("GET", file, timeout=300) as answer:
        return sum(len(piece) for piece in answer.iter_raw(1 << 20))


def _web(running: Running) -> list[psutil.Process]:
    records = [each for each in running.state.processes if each.name.startswith("web")]
    return [psutil.Process(each.pid) for each in records]


def _rss(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)
