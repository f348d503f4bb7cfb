"""Job events on their way to browsers, submitting, and the jobs page over many rows."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import psutil
import psycopg
from websockets.asyncio.client import connect

from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.running import ROOT, Running, environment

NUM_JOBS, NUM_WATCHERS, EVENTS_PER_S, SECONDS = 20, 2000, 200, 15
NUM_WRITERS = 4  # processes, as jobs are
NUM_ROWS = int(os.environ.get("BENCH_JOBS", "100000"))
NUM_EVENTS = int(os.environ.get("BENCH_EVENTS", "10000000"))

# Makes running jobs, prints their ids, and writes events at a steady rate when told to.
PRODUCER = """
import json, sys, threading, time
from apps.accounts.models import User, Workspace
from apps.jobs import services
from apps.jobs.types import EventKind, NewEvent, NewJob
num_jobs, rate, seconds = {num_jobs}, {rate}, {seconds}
user, workspace = User.objects.first(), Workspace.objects.first()
claims = []
for number in range(num_jobs):
    new = NewJob(kind="bench", title="bench", task="labeling.prelabel", params={{}}, queue="bench")
    job = services.create_job(user=user, workspace_id=workspace.pk, new=new)
    claims.append(services.claim_job(job_id=job.pk, worker="bench@nowhere"))
    services.start_running(claims[-1], num_total=10**6)
def keep():  # as a worker does while it waits
    while not is_over.wait(5):
        for one in claims:
            services.renew_lease(one)
is_over = threading.Event()
keeper = threading.Thread(target=keep)
keeper.start()
print(json.dumps([str(one.job_id) for one in claims]), flush=True)
sys.stdin.readline()
began, sent = time.monotonic(), 0
while sent < rate * seconds:
    event = NewEvent(kind=EventKind.METRIC, payload={{"step": sent, "values": {{"loss": 1.0}}}})
    services.report(claims[sent % num_jobs], [event])
    sent += 1
    time.sleep(max(0.0, began + sent / rate - time.monotonic()))
print(json.dumps({{"sent": sent, "took_s": time.monotonic() - began}}), flush=True)
sys.stdin.readline()
is_over.set()
keeper.join()
for one in claims:
    services.finish_job(one, result={{}})
"""


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        yield from _watched(
            running, client, num_watchers=NUM_JOBS, rate=40, name="20 running jobs"
        )
        yield from _watched(
            running,
            client,
            num_watchers=NUM_WATCHERS,
            rate=EVENTS_PER_S,
            name="2,000 watchers",
        )
        yield _submitted(client)
        yield from _page(running, client)


@dataclass(slots=True)
class Heard:
    """What all watchers were told."""

    delays_ms: list[float] = field(default_factory=list)
    num_metrics: int = 0
    num_gaps: int = 0


def _watched(
    running: Running, client: httpx.Client, *, num_watchers: int, rate: int, name: str
) -> Iterator[Row]:
    env = {
        **environment(running.var),
        "DATABASE_URL": running.state.database_url,
        "REDIS_URL": running.state.redis_url,
    }
    code = PRODUCER.format(
        num_jobs=NUM_JOBS // NUM_WRITERS, rate=rate / NUM_WRITERS, seconds=SECONDS
    )
    producers = [
        subprocess.Popen(
            [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
            cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(NUM_WRITERS)
    ]  # fmt: skip
    before = _memory_of_web(running)
    heard, told, memory = asyncio.run(_listen(running, client, producers, num_watchers))
    wanted = told["sent"] * num_watchers / NUM_JOBS
    delays = sorted(heard.delays_ms)
    goals = (50, 150) if num_watchers == NUM_JOBS else (None, None)
    yield Row(
        what=f"{name}: event to browser, median",
        value=delays[len(delays) // 2],
        unit="ms",
        goal=goals[0],
    )
    yield Row(
        what=f"{name}: event to browser, 95th percentile",
        value=delays[int(len(delays) * 0.95)],
        unit="ms",
        goal=goals[1],
    )
    yield Row(
        what=f"{name}: events a second written",
        value=told["sent"] / told["took_s"],
        unit="1/s",
    )
    yield Row(
        what=f"{name}: messages lost or doubled",
        value=abs(wanted - heard.num_metrics) + heard.num_gaps,
        unit="",
        goal=0,
    )
    if num_watchers > NUM_JOBS:
        per_socket = (memory - before) / num_watchers / 1024
        yield Row(
            what=f"{name}: web memory for each connection", value=per_socket, unit="KiB"
        )


async def _listen(
    running: Running,
    client: httpx.Client,
    producers: "Sequence[subprocess.Popen[str]]",
    num_watchers: int,
) -> tuple[Heard, dict[str, float], float]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    with suppress(PermissionError):  # who listens late would measure itself
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    jobs = [job for each in await _say(producers) for job in each]
    heard, ready = Heard(), asyncio.Semaphore(0)
    tasks = []
    for number in range(num_watchers):
        job = jobs[number % len(jobs)]
        tasks.append(asyncio.create_task(_watch(running, client, job, heard, ready)))
        if number % 50 == 49:
            await asyncio.sleep(0.2)
    for _ in range(num_watchers):
        await ready.acquire()
    memory = _memory_of_web(running)
    told = await _say(producers, "go\n")
    for each in producers:
        _write(each, "end\n")
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    for each in producers:
        await asyncio.to_thread(each.wait, 60)
    written = {
        "sent": sum(each["sent"] for each in told),
        "took_s": max(each["took_s"] for each in told),
    }
    return heard, written, memory


async def _say(
    producers: "Sequence[subprocess.Popen[str]]", word: str = ""
) -> list[Any]:
    """Tell all producers a word, and read what each answers."""
    for each in producers:
        _write(each, word)
    lines = [asyncio.to_thread(_line, each) for each in producers]
    return [json.loads(line) for line in await asyncio.gather(*lines)]


def _write(producer: "subprocess.Popen[str]", word: str) -> None:
    assert producer.stdin
    producer.stdin.write(word)
    producer.stdin.flush()


def _line(producer: "subprocess.Popen[str]") -> str:
    assert producer.stdout
    return producer.stdout.readline()


async def _watch(
    running: Running,
    client: httpx.Client,
    job: str,
    heard: Heard,
    ready: asyncio.Semaphore,
) -> None:
    address = running.state.address
    url = f"{address.replace('http', 'ws', 1)}ws/jobs/{job}/?after=0"
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookies, "Origin": address.rstrip("/")}
    last = 0
    async with connect(url, additional_headers=headers, open_timeout=120) as socket:
        async for message in socket:
            for line in message.splitlines():
                event = json.loads(line)
                heard.num_gaps += event["seq"] != last + 1
                last = event["seq"]
                if event["kind"] == "metric":
                    heard.num_metrics += 1
                    written_at = datetime.fromisoformat(event["at"])
                    delay = datetime.now(UTC) - written_at
                    heard.delays_ms.append(delay.total_seconds() * 1e3)
                elif event["payload"].get("status") == "running":
                    ready.release()
                elif event["payload"].get("status") == "done":
                    return


def _memory_of_web(running: Running) -> float:
    records = [one for one in running.state.processes if one.name.startswith("web")]
    return sum(psutil.Process(one.pid).memory_info().rss for one in records)


def _submitted(client: httpx.Client) -> Row:
    """From asking for a pre-label job to the first event of its worker."""
    projects = client.get("/api/v1/labeling/projects/").json()["results"]
    took = []
    for _ in range(5):
        began = time.monotonic()
        answer = client.post(
            f"/api/v1/labeling/projects/{projects[0]['id']}/prelabel/", json={}
        )
        answer.raise_for_status()
        job = answer.json()["job_id"]
        while len(client.get(f"/api/v1/jobs/{job}/events/").json()) < 2:
            time.sleep(0.01)
        took.append(time.monotonic() - began)
        while client.get(f"/api/v1/jobs/{job}/").json()["status"] != "done":
            time.sleep(0.2)
    return Row(
        what="submit to first event, median",
        value=sorted(took)[2] * 1e3,
        unit="ms",
        goal=1000,
    )


FILL = """
INSERT INTO jobs_job (id, created_at, updated_at, workspace_id, created_by_id, kind, title,
  task, queue, params, priority, num_gpus, num_cpus, is_gpu_shared, waits_for, status,
  attempt, failures, worker, enqueued_at, num_done, num_done_before, num_total, last_seq,
  result, error_code, error, started_at, finished_at)
SELECT gen_random_uuid(), at, at, w.id, u.id, 'prelabel', 'Job ' || n, 'labeling.prelabel',
  'cpu', '{}', 5, 0, 0, false, '', CASE WHEN n %% 20 = 0 THEN 'failed' ELSE 'done' END, 1, 0,
  'w@h', at, 1, 0, 1, %(events)s, '{}',
  CASE WHEN n %% 20 = 0 THEN (ARRAY['killed', 'disk_full', 'bad_input'])[1 + n %% 3] ELSE '' END,
  '', at, at + interval '1 minute'
FROM generate_series(1, %(jobs)s) n,
  LATERAL (SELECT now() - n * interval '30 seconds' AS at) moment,
  (SELECT id FROM accounts_workspace ORDER BY id LIMIT 1) w,
  (SELECT id FROM accounts_user ORDER BY id LIMIT 1) u
"""
FILL_EVENTS = """
INSERT INTO jobs_jobevent (job_id, seq, attempt, kind, payload, at)
SELECT j.id, n, 1, 'metric', '{"step": 1, "values": {"loss": 1.0}}', now()
FROM jobs_job j, generate_series(1, %(events)s) n WHERE j.worker = 'w@h'
"""


def _page(running: Running, client: httpx.Client) -> Iterator[Row]:
    per_job = {"jobs": NUM_ROWS, "events": NUM_EVENTS // NUM_ROWS}
    with psycopg.connect(running.state.database_url, autocommit=True) as connection:
        connection.execute(FILL, per_job)
        connection.execute(FILL_EVENTS, per_job)
        connection.execute("ANALYZE jobs_job")
        connection.execute("ANALYZE jobs_jobevent")
    for what, path in (("jobs page", "/jobs/"), ("admin list", "/admin/jobs/job/")):
        client.get(path).raise_for_status()
        took = []
        for _ in range(40):
            began = time.monotonic()
            client.get(path).raise_for_status()
            took.append(time.monotonic() - began)
        p95 = sorted(took)[37] * 1e3
        yield Row(
            what=f"{what} over {NUM_ROWS:,} jobs and {NUM_EVENTS:,} events, 95th percentile",
            value=p95, unit="ms", goal=150,
        )  # fmt: skip
