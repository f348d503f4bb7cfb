"""A training run whose worker, web process, broker or database is killed under it.

Run when asked, as it takes minutes: ``KILLS=0 ./portal faults -k training`` kills each
once during one run; ``KILLS=10`` kills each of them ten times, at random moments of a
run of its own.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
import psycopg
import pytest

from tests.running import ROOT, Running, environment, wait_for

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif("KILLS" not in os.environ, reason="set KILLS=0 or more to run"),
]

PARTS = ("worker", "postgres", "valkey", "web")
NUM_KILLS = int(os.environ.get("KILLS", "0"))
PLANS = [(part,) * NUM_KILLS for part in PARTS] if NUM_KILLS else [PARTS]
LONG_S = 300 + 90 * NUM_KILLS  # as long as the run is, on a busy machine
START = "from tests.labeled import start_demo_run; start_demo_run(num_steps={})"
NUM_STEPS = 20 * max(12, 4 * NUM_KILLS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What must not depend on who was killed."""

    status: str
    error: str
    curves: dict[str, Any]
    num_revisions: int


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    var = tmp_path_factory.mktemp("training") / "var"
    env = {**environment(var), "RUN_CHECKPOINT_EVERY_S": "0.5"}
    running = Running(var, env=env, timeout_s=LONG_S)
    yield running
    running.end()


@pytest.fixture(scope="module")
def undisturbed(portal: Running) -> Outcome:
    job = start(portal)
    wait_for(lambda: is_over(portal, job), LONG_S)
    return outcome(portal, job)


def start(portal: Running) -> str:
    """Start the same small run; returns the id of its job."""
    env = {
        **environment(portal.var),
        "DATABASE_URL": portal.state.database_url,
        "REDIS_URL": portal.state.redis_url,
    }
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c"]
    run = subprocess.run(
        [*command, START.format(NUM_STEPS)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return str(json.loads(run.stdout.strip().splitlines()[-1]))


def ask(portal: Running, query: str, *values: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(portal.state.database_url) as connection:
        return connection.execute(query, values).fetchall()


def state_of(portal: Running, job: str) -> tuple[str, int]:
    """Status and steps done; what it was while the database is away."""
    with suppress(psycopg.OperationalError):
        query = "SELECT status, num_done FROM jobs_job WHERE id = %s"
        status, num_done = ask(portal, query, job)[0]
        return status, num_done
    return "unknown", -1


def is_over(portal: Running, job: str) -> bool:
    return state_of(portal, job)[0] in {"done", "failed", "cancelled"}


def outcome(portal: Running, job: str) -> Outcome:
    status, error, last_seq = ask(
        portal, "SELECT status, error, last_seq FROM jobs_job WHERE id = %s", job
    )[0]
    query = (
        "SELECT s.name, s.steps, s.values FROM training_runseries s "
        "JOIN training_trainingrun r ON r.id = s.run_id WHERE r.job_id = %s "
        "AND (s.name LIKE 'val/%%' OR s.name LIKE 'loss%%')"
    )
    curves = {name: (steps, values) for name, steps, values in ask(portal, query, job)}
    seqs = ask(
        portal, "SELECT seq FROM jobs_jobevent WHERE job_id = %s ORDER BY 1", job
    )
    assert [seq for (seq,) in seqs] == list(range(1, last_seq + 1))
    query = "SELECT count(*) FROM marketplace_modelrevision WHERE job_id = %s"
    ((num_revisions,),) = ask(portal, query, job)
    return Outcome(status, error, curves, num_revisions)


def kill(portal: Running, part: str) -> None:
    record = portal.record(part)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    wait_for(lambda: _is_replaced(portal, part, record.pid), 120)


def _is_replaced(portal: Running, part: str, pid: int) -> bool:
    now = portal.record(part)
    return now is not None and now.pid not in {0, pid} and now.process is not None


def processes_of(job: str) -> list[psutil.Process]:
    running = psutil.process_iter(["cmdline"])
    return [one for one in running if job in " ".join(one.info["cmdline"] or [])]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{len(plan)}x{plan[0]}")
def test_a_run_ends_as_if_nobody_had_been_killed(
    portal: Running, undisturbed: Outcome, plan: tuple[str, ...]
):
    chance = random.Random(len(plan))
    job = start(portal)
    done = 0
    for part in plan:
        wait_for(lambda done=done: state_of(portal, job)[1] > done, LONG_S)
        time.sleep(chance.uniform(0, 1.5))
        done = max(done, state_of(portal, job)[1])
        assert not is_over(portal, job), "it ended before it was disturbed"
        kill(portal, part)

    wait_for(lambda: is_over(portal, job), LONG_S)

    assert undisturbed.status == "done"
    assert outcome(portal, job) == undisturbed
    assert undisturbed.num_revisions == 1
    wait_for(lambda: processes_of(job) == [], 30)
    assert ask(portal, "SELECT count(*) FROM jobs_devicelease") == [(0,)]
