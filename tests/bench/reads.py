"""Reads through the API by eight clients; one web process, clients on the same machine."""

from collections.abc import Iterator

from tests.bench.load import run
from tests.bench.portal import signed_in
from tests.bench.rows import Row

PATHS = {
    "one query, `/api/v1/accounts/me/`": ("/api/v1/accounts/me/", 400.0),
    "no sign-in, one query, `/healthz`": ("/healthz", None),
}


def measure() -> Iterator[Row]:
    with signed_in() as (running, client):
        headers = {"Authorization": client.headers["Authorization"]}
        address = running.state.address.rstrip("/")
        for what, (path, goal) in PATHS.items():
            run(address + path, headers=headers, seconds=1)
            load = run(address + path, headers=headers, seconds=6)
            yield Row(
                what=what,
                value=load.requests_per_s,
                unit="requests/s",
                goal=goal,
                is_more_better=True,
            )
            half = load.latencies_s[len(load.latencies_s) // 2]
            yield Row(what=f"{what}, median", value=half * 1000, unit="ms")
