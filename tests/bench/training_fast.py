"""A new user's first training: preset Fast on the demo project, from pressing to model."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx

from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import ROOT, Running, environment

NUM_RUNS = 3
LABEL = """
from tests.labeled import label_demo
from apps.labeling.services.versions import make_version
from apps.marketplace.selectors import list_detectors
project = label_demo()
user = project.created_by
print(make_version(user=user, project_id=project.pk).id, list_detectors(user=user)[-1].revision_id)
"""


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        version, base = _labeled(running)
        runs = [_run(client, version, base=base) for _ in range(NUM_RUNS)]
        took, waited, best = (sorted(column) for column in zip(*runs, strict=True))
        middle = NUM_RUNS // 2
        yield Row(
            what="until the model is in the marketplace",
            value=took[middle],
            unit="s",
            goal=180,
        )
        yield Row(
            what="until the first point of the loss", value=waited[middle], unit="s"
        )
        yield Row(what="AP on the validation part", value=best[middle], unit="")


def _labeled(running: Running) -> tuple[int, int]:
    """The demo's dataset version, and the model that the page chooses."""
    env = {
        **os.environ,
        **environment(running.var),
        "DATABASE_URL": running.state.database_url,
        "REDIS_URL": running.state.redis_url,
    }
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", LABEL]
    told = subprocess.run(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True
    )
    version, base = told.stdout.split()[-2:]
    return int(version), int(base)


def _run(
    client: httpx.Client, version: int, *, base: int
) -> tuple[float, float, float]:
    """Seconds to the model, seconds to the first point of its loss, and its AP."""
    began, first_s = time.monotonic(), 0.0
    new = {
        "name": "Parts",
        "dataset_version_id": version,
        "base_revision_id": base,
        "preset": "fast",
    }
    made = client.post("/api/v1/training/runs/", json=new)
    made.raise_for_status()
    address = f"/api/v1/training/runs/{made.json()['id']}/"
    while True:
        run = client.get(address).json()
        if not first_s and client.get(f"{address}curves/").json():
            first_s = time.monotonic() - began
        if run["status"] == "done":
            return time.monotonic() - began, first_s, run["best"]["AP"]
        assert run["status"] not in {"failed", "cancelled"}, run["error"]
        time.sleep(0.25)
