"""A model directory under Ray Serve with two replicas: the answers of `model_server`."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from deepseek_vision.hub import SHIPPED
from tests.bench import endpoints
from tests.bench.deploy_peers import installed
from tests.bench.rows import Row
from tests.running import ROOT
from tests.unit.model_server.running import ModelServer

URL = "http://127.0.0.1:8000"
SERVE = """
import sys, time, ray
from ray import serve
from model_server.ray_serve import build
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
serve.run(build({"directory": sys.argv[1], "min_replicas": "2"}))
while True:
    time.sleep(1)
"""


def measure() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="ray-") as folder,
        endpoints.pictures(8) as pictures,
    ):
        packages = ("ray[serve]", "prometheus-client", "uvloop", "httptools")
        python = installed(Path(folder) / "env", *packages)
        began = time.monotonic()
        with _serving(python) as process:
            ready_s = time.monotonic() - began
            theirs = [_found(f"{URL}/predict", each) for each in pictures]
            family = process.children(recursive=True)
            used = sum(each.memory_full_info().uss for each in family)
    server = ModelServer(SHIPPED / endpoints.MODEL)
    try:
        url = f"http://127.0.0.1:{server.port}/predict"
        ours = [_found(url, each) for each in pictures]
    finally:
        server.end()
    same = sum(one == other for one, other in zip(ours, theirs, strict=True))
    yield Row(
        what="of 8 pictures, answered as by model_server alone",
        value=same / len(pictures) * 100,
        unit="%",
        goal=100,
        is_more_better=True,
    )
    yield Row(what="until two replicas answer", value=ready_s, unit="s")
    what = f"memory of the {len(family)} processes of Ray and the replicas"
    yield Row(what=what, value=used / 2**20, unit="MB")


def _found(url: str, picture: bytes) -> object:
    reply = httpx.post(url, content=picture, timeout=60)
    reply.raise_for_status()
    return json.loads(reply.content)["detections"]


@contextmanager
def _serving(python: Path) -> Iterator[psutil.Process]:
    process = psutil.Popen(
        [python, "-c", SERVE, str(SHIPPED / endpoints.MODEL)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "gpu_workers")},
        stdout=subprocess.DEVNULL,
        stderr=sys.stderr,
    )
    try:
        deadline = time.monotonic() + 180
        while not _is_ready():
            assert process.poll() is None, "Ray ended"
            assert time.monotonic() < deadline, "Ray is not ready in three minutes"
            time.sleep(0.2)
        yield process
    finally:
        family = [*process.children(recursive=True), process]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family)


def _is_ready() -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{URL}/v2/health/ready", timeout=2).is_success
    return False
