"""From the click to the first answer, and what a replica weighs."""

import statistics
import time
from collections.abc import Iterator

from tests.bench import endpoints
from tests.bench.portal import signed_in
from tests.bench.rows import Row

ROUNDS, SETTLE_S, NUM_ASKED = 3, 15, 200


def measure() -> Iterator[Row]:
    with signed_in() as (running, client), endpoints.pictures(8) as pictures:
        time.sleep(SETTLE_S)
        took = []
        for _ in range(ROUNDS):
            began = time.monotonic()
            endpoint = endpoints.create(running, client)
            status, _body = endpoint.connect().ask(endpoint.request(pictures[0]))
            took.append(time.monotonic() - began)
            assert status == 200, status
            endpoint.delete()
        yield Row(
            what="from the click to the first answer, over the gateway",
            value=statistics.median(took),
            unit="s",
            goal=3,
        )
        endpoint = endpoints.create(running, client)
        connection = endpoint.connect()
        for number in range(NUM_ASKED):
            connection.ask(endpoint.request(pictures[number % len(pictures)]))
        (replica,) = endpoint.replicas()
        yield Row(
            what=f"memory of a replica after {NUM_ASKED} pictures",
            value=replica.memory_info().rss / 1e6,
            unit="MB",
            goal=200,
        )
