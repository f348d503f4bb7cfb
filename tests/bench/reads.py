"""Reads through the API by eight clients on the same machine as the two web processes."""

from collections.abc import Iterator
from statistics import median

from tests.bench.load import Load, run
from tests.bench.portal import signed_in
from tests.bench.rows import Row

PATHS = {
    "one query, `/api/v1/accounts/me/`": ("/api/v1/accounts/me/", 400.0),
    "no sign-in, one query, `/healthz`": ("/healthz", None),
}


REPEATS, SECONDS = 7, 2.0


def measure() -> Iterator[Row]:
    """Medians over turns: two processes share the connections of a turn as it falls."""
    with signed_in() as (running, client):
        headers = {"Authorization": client.headers["Authorization"]}
        address = running.state.address.rstrip("/")
        loads: dict[str, list[Load]] = {path: [] for path, _ in PATHS.values()}
        for turn in range(REPEATS + 1):
            for path, kept in loads.items():
                load = run(address + path, headers=headers, seconds=SECONDS)
                if turn:  # the first only warms up
                    kept.append(load)
        for what, (path, goal) in PATHS.items():
            yield Row(
                what=what,
                value=median(load.requests_per_s for load in loads[path]),
                unit="requests/s",
                goal=goal,
                is_more_better=True,
            )
            halves = (median(load.latencies_s) for load in loads[path])
            yield Row(what=f"{what}, median", value=median(halves) * 1000, unit="ms")
