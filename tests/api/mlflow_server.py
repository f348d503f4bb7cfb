"""A real MLflow server, and its real client, in an environment of their own."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.environments import environment_of
from tests.running import free_port, wait_for

VERSION = "3.17.2"
# What the tracking server needs; `mlflow server` would also bring pandas and scipy.
WANTED = (
    f"mlflow-skinny=={VERSION}", "alembic", "flask", "flask-cors", "graphene", "huey",
    "sqlalchemy",
)  # fmt: skip
SERVE = """
import os, sys
os.environ["_MLFLOW_SERVER_FILE_STORE"] = sys.argv[1]
os.environ["_MLFLOW_SERVER_ARTIFACT_ROOT"] = sys.argv[2]
from mlflow.server import app
app.run("127.0.0.1", int(sys.argv[3]), threaded=True)
"""
READ = """
import json, sys
from mlflow.tracking import MlflowClient
client = MlflowClient(sys.argv[1])
run = client.get_run(sys.argv[2])
print(json.dumps({
    "experiment": client.get_experiment(run.info.experiment_id).name,
    "name": run.info.run_name,
    "status": run.info.status,
    "took_ms": (run.info.end_time or run.info.start_time) - run.info.start_time,
    "params": run.data.params,
    "tags": run.data.tags,
    "metrics": {key: [(it.step, str(it.value)) for it in client.get_metric_history(
        run.info.run_id, key)] for key in run.data.metrics},
}))
"""


class MlflowServer:
    def __init__(self, address: str, python: Path) -> None:
        self.address = address
        self._python = python

    def run(self, run_id: str) -> dict[str, Any]:
        """What MLflow's own client reads of a run."""
        read = subprocess.run(
            [self._python, "-c", READ, self.address, run_id],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert read.returncode == 0, read.stderr[-3000:]
        told: dict[str, Any] = json.loads(read.stdout.splitlines()[-1])
        return told


@contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    python = environment_of(f"mlflow/{VERSION}", *WANTED) / "python"
    port = free_port()
    address, log = f"http://127.0.0.1:{port}", folder / "mlflow.log"
    store = [f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), str(port)]
    env = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [python, "-c", SERVE, *store], env=env, stdout=file, stderr=file
        )
    try:
        wait_for(lambda: _answers(address), 120)
        yield MlflowServer(address, python)
    except AssertionError as exc:
        exc.add_note(log.read_text()[-2000:])
        raise
    finally:
        process.terminate()
        process.wait(30)


def _answers(address: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{address}/health", timeout=30).is_success
    return False
