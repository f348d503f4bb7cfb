"""From a job event being written to its arrival in a WebSocket, during a pre-label job."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
from websockets.sync.client import connect

from tests.bench.portal import signed_in
from tests.bench.rows import Row


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        project_id = client.get("/api/v1/labeling/projects/").json()["results"][0]["id"]
        job = client.post(
            f"/api/v1/labeling/projects/{project_id}/prelabel/",
            json={},
            headers={"Idempotency-Key": "bench"},
        )
        job.raise_for_status()
        delays_ms = _delays_ms(running.state.address, client, job.json()["job_id"])
    yield Row(what="median", value=_quantile(delays_ms, 0.5), unit="ms", goal=50)
    yield Row(what="95th percentile", value=_quantile(delays_ms, 0.95), unit="ms")
    yield Row(what="events", value=len(delays_ms), unit="")


def _delays_ms(address: str, client: httpx.Client, job_id: str) -> list[float]:
    url = f"{address.replace('http', 'ws', 1)}ws/jobs/{job_id}/?after=0"
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Cookie": cookies, "Origin": address.rstrip("/")}
    delays_ms = []
    with connect(url, additional_headers=headers) as socket:
        opened_at = datetime.now(UTC)
        for line in (line for message in socket for line in message.splitlines()):
            event = json.loads(line)
            written_at = datetime.fromisoformat(event["at"])
            # What was written before we listened says nothing of the way here.
            if written_at > opened_at:
                delays_ms.append((datetime.now(UTC) - written_at).total_seconds() * 1e3)
            if _is_end(event):
                return delays_ms
    raise AssertionError("the socket closed before the job ended")


def _is_end(event: dict[str, object]) -> bool:
    payload = event["payload"]
    assert isinstance(payload, dict)
    ends = {"done", "failed", "cancelled"}
    return event["kind"] == "state" and payload["status"] in ends


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
