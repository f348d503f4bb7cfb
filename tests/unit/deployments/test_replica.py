"""One replica and its process, without the database."""

import http.client
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from apps.deployments.engines.keeper import Keeper
from apps.deployments.engines.replica import ReplicaProcess
from apps.deployments.services.releases import weights_of
from apps.deployments.types import ReplicaPlan, ReplicaState


def _plan(folder: Path, **changes: object) -> ReplicaPlan:
    given = {
        "release_id": 1,
        "model_revision_id": 1,
        "index": 0,
        "label": "m:1",
        "directory": str(folder),
        "num_threads": 1,
        "sleep_after_s": 0,
        "weights_sha256": weights_of(folder),
    }
    return ReplicaPlan(**{**given, **changes})  # type: ignore[arg-type]


def _turn_until(replica: ReplicaProcess, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not is_done():
        replica.turn()
        assert time.monotonic() < deadline, (replica.state, replica.error)
        time.sleep(0.02)


def _ask(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    connection.request("GET", "/v2/health/live")
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_killed_or_sleeping_process_is_replaced_behind_the_same_port(
    detector, tmp_path
):
    keeper = Keeper(tmp_path / "log")
    keeper.follow([_plan(detector, sleep_after_s=1)])
    [replica] = keeper.replicas
    _turn_until(replica, lambda: replica.state is ReplicaState.READY)
    port, pid = replica.port, replica.pid

    os.kill(pid, signal.SIGKILL)
    _turn_until(replica, lambda: replica.pid not in {0, pid})
    _turn_until(replica, lambda: replica.state is ReplicaState.READY)

    assert (replica.port, replica.restarts) == (port, 1)
    assert "when memory runs out: run fewer replicas" in replica.error
    assert _ask(port) == 200
    keeper.let_sleep({1: 0.5})  # somebody asked half a second ago
    assert replica.state is ReplicaState.READY
    _turn_until(replica, lambda: replica.lived_s > 1)
    keeper.let_sleep({1: 60.0})
    assert (replica.state, replica.pid) == (ReplicaState.ASLEEP, 0)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
    # The first byte wakes it, and is answered once the model has loaded.
    connection.request("GET", "/v2/models/m/ready")
    _turn_until(replica, lambda: replica.state is ReplicaState.READY)
    assert connection.getresponse().status == 200
    connection.close()
    keeper.close()


def test_weights_that_are_not_those_of_the_ledger_never_serve(detector, tmp_path):
    plan = _plan(detector)
    with (detector / "model.int8.onnx").open("ab") as file:
        file.write(b"x")
    replica = ReplicaProcess(plan, folder=tmp_path)

    replica.turn()

    assert (replica.state, replica.pid) == (ReplicaState.BROKEN, 0)
    assert "has changed since it was deployed" in replica.error
    replica.close()


@pytest.mark.parametrize("damage", ["config", "weights"])
def test_a_model_that_does_not_load_is_given_up_with_its_reason(
    detector, tmp_path, damage
):
    name = {"config": "config.json", "weights": "model.int8.onnx"}[damage]
    (detector / name).write_bytes(b"{")
    replica = ReplicaProcess(_plan(detector), folder=tmp_path / "log")

    _turn_until(replica, lambda: replica.state is ReplicaState.BROKEN)

    assert name in replica.error
    assert str(detector) not in replica.error
    assert replica.has_ended
    replica.close()
