"""Large files through the Hub protocol with its own client: 1 GB up, 500 MB down."""

import hashlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import numpy as np
import psutil

from tests.api.test_hub_clients import VERSIONS, client_of
from tests.bench.counting import CountingProxy
from tests.bench.peak import Peak
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import Running, wait_for

MB = 1_000_000
LARGE, MIDDLE, CHANGING = 1000 * MB, 500 * MB, 150 * MB
NUM_READERS, RANGE = 200, 2 * MB
TURNS = 5
PUSH = """
import sys
from huggingface_hub import HfApi
api, (repo, path, name) = HfApi(), sys.argv[1:]
api.create_repo(repo, exist_ok=True)
api.upload_file(path_or_fileobj=path, path_in_repo=name, repo_id=repo)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A portal, a repository in it, and a folder to make files in."""

    running: Running
    authorization: str
    repo: str
    folder: Path
    proxy: CountingProxy  # one for all: a client remembers chunks by the address

    @property
    def address(self) -> str:
        return self.running.state.address.rstrip("/")

    def push(self, name: str) -> int:
        """Upload a file of the folder as a client with default settings does.

        Returns:
            The bytes that it sent.
        """
        before = self.proxy.num_sent
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "HF_HOME": str(self.folder / "hf"),
            "HF_ENDPOINT": f"http://127.0.0.1:{self.proxy.port}",
            "HF_TOKEN": self.authorization.removeprefix("Bearer "),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        python = client_of(VERSIONS[0]) / "python"
        command = [python, "-c", PUSH, self.repo, self.folder / name, name]
        run = subprocess.run(command, env=env, capture_output=True, check=False)
        assert run.returncode == 0, run.stderr.decode()[-2000:]
        return self.proxy.num_sent - before

    def most_rss(self) -> int:
        web = [
            row for row in self.running.state.processes if row.name.startswith("web")
        ]
        families = [psutil.Process(row.pid) for row in web]
        families += [
            child for one in families for child in one.children(recursive=True)
        ]
        return max(process.memory_info().rss for process in families)


def measure() -> Iterator[Row]:
    with signed_in() as (running, client), tempfile.TemporaryDirectory() as folder:
        namespace = client.get("/api/whoami-v2").json()["name"]
        hub = Hub(
            running=running,
            authorization=str(client.headers["Authorization"]),
            repo=f"{namespace}/large",
            folder=Path(folder),
            proxy=CountingProxy(urlsplit(running.state.address).port or 80),
        )
        yield from _upload(hub)
        yield from _download(hub)
        yield from _changed(hub)
        hub.proxy.close()


def _upload(hub: Hub) -> Iterator[Row]:
    _write(hub.folder / "warm.bin", 20 * MB, seed=1)
    hub.push("warm.bin")
    _write(hub.folder / "large.bin", LARGE, seed=2)
    began = time.perf_counter()
    with Peak(hub.most_rss) as peak:
        hub.push("large.bin")
    took_s = time.perf_counter() - began
    (hub.folder / "large.bin").unlink()
    rss = peak.bytes / MB
    yield Row(what="1 GB up: most RSS of a web process", value=rss, unit="MB", goal=200)
    yield Row(what="1 GB up, with Xet", value=took_s, unit="s")


def _download(hub: Hub) -> Iterator[Row]:
    path = hub.folder / "middle.bin"
    _write(path, MIDDLE, seed=3)
    hub.push(path.name)
    ours = f"{hub.address}/{hub.repo}/resolve/main/{path.name}"
    before = hub.most_rss()
    with _plain_server(hub.folder) as plain, Peak(hub.most_rss) as peak:
        pairs = [
            (_speed(ours, hub.authorization), _speed(f"{plain}/{path.name}"))
            for _ in range(TURNS + 1)  # the first warms up
        ][1:]
    mine, theirs = (median(speeds) for speeds in zip(*pairs, strict=True))
    yield Row(
        what="500 MB down, of what `python -m http.server` reaches",
        value=100 * mine / theirs,
        unit="%",
        goal=80,
        is_more_better=True,
    )
    yield Row(what="500 MB down", value=mine / MB, unit="MB/s")
    rise = max(0, peak.bytes - before) / MB
    yield Row(
        what="rise of a web process's RSS meanwhile", value=rise, unit="MB", goal=30
    )
    with ThreadPoolExecutor(NUM_READERS) as pool:
        began = time.perf_counter()
        ask = partial(_is_bad, ours, hub.authorization, path)
        num_bad = sum(pool.map(ask, range(NUM_READERS)))
        took_s = time.perf_counter() - began
    what = f"{NUM_READERS} ranges of 2 MB at once"
    yield Row(what=f"{what}: errors", value=num_bad, unit="errors", goal=0)
    yield Row(what=what, value=took_s, unit="s")


def _changed(hub: Hub) -> Iterator[Row]:
    path = hub.folder / "changing.bin"
    _write(path, CHANGING, seed=4)
    first = hub.push(path.name)
    assert first > CHANGING * 0.9, first
    with path.open("r+b") as file:
        file.seek(CHANGING // 2)
        file.write(np.random.default_rng(5).bytes(CHANGING // 100))
    sent = hub.push(path.name) / MB
    what = "150 MB up again with 1 % changed: sent"
    yield Row(what=what, value=sent, unit="MB", goal=3)


def _write(path: Path, size: int, *, seed: int) -> None:
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        for _ in range(size // (10 * MB)):
            file.write(random.bytes(10 * MB))


@contextmanager
def _plain_server(folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _get(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    connection.request("GET", parts.path, headers=headers)
    return connection.getresponse()


def _speed(url: str, authorization: str = "") -> float:
    """Bytes a second into one buffer; the client does as little as it can."""
    buffer = bytearray(1 << 20)
    began, num = time.perf_counter(), 0
    answer = _get(url, {"Authorization": authorization} if authorization else {})
    assert answer.status == 200, answer.status
    while got := answer.readinto(buffer):
        num += got
    assert num == MIDDLE, num
    return num / (time.perf_counter() - began)


def _is_bad(url: str, authorization: str, path: Path, number: int) -> bool:
    first = number * RANGE
    span = f"bytes={first}-{first + RANGE - 1}"
    try:
        answer = _get(url, {"Authorization": authorization, "Range": span})
        got = answer.read()
    except (OSError, http.client.HTTPException):
        return True
    with path.open("rb") as file:
        file.seek(first)
        wanted = hashlib.sha256(file.read(RANGE)).digest()
    return answer.status != 206 or hashlib.sha256(got).digest() != wanted
