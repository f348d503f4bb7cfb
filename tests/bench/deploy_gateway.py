"""What the gateway adds to a request, and how latency holds under half of the load."""

import statistics
import time
from collections.abc import Iterator

from tests.bench import endpoints
from tests.bench.fire import Connection, fire, request_of
from tests.bench.portal import signed_in
from tests.bench.rows import Row

PAIRS, SECONDS, CALLERS = 400, 10, 4


def measure() -> Iterator[Row]:
    with signed_in() as (running, client), endpoints.pictures(8) as pictures:
        endpoint = endpoints.create(running, client, num_threads=2)
        endpoints.wait_live(endpoint)
        (replica,) = endpoint.replicas()
        port = endpoints.port_of(replica)
        yield from _overhead(endpoint, port, pictures)
        direct = [request_of("/predict", each) for each in pictures]
        through = [endpoint.request(each) for each in pictures]
        bare = fire("127.0.0.1", port, direct, num_threads=CALLERS, seconds=SECONDS)
        full = fire(
            endpoint.host, endpoint.port, through, num_threads=CALLERS, seconds=SECONDS
        )
        assert set(full["statuses"]) == {200}, full  # type: ignore[call-overload]
        yield Row(what="pictures a second, of a replica", value=_of(bare), unit="1/s")
        yield Row(
            what="pictures a second, over the gateway", value=_of(full), unit="1/s"
        )
        half = fire(
            endpoint.host,
            endpoint.port,
            through,
            num_threads=CALLERS,
            seconds=2 * SECONDS,
            rate=_of(full) / 2,
        )
        alone = _alone_ms(port, pictures)
        yield Row(what="a picture alone, no gateway, p50", value=alone, unit="ms")
        yield Row(
            what="p99 over the gateway under half of that load, of the bare latency",
            value=float(str(half["p99_ms"])) / alone,
            unit="times",
            goal=2,
        )


def _overhead(
    endpoint: endpoints.Endpoint, port: int, pictures: list[bytes]
) -> Iterator[Row]:
    """Each picture with and without the gateway, in turn: both meet the same machine."""
    direct, through = Connection("127.0.0.1", port), endpoint.connect()
    differences = []
    for number in range(PAIRS):
        picture = pictures[number % len(pictures)]
        bare = _timed(direct, request_of("/predict", picture))
        differences.append(_timed(through, endpoint.request(picture)) - bare)
    yield Row(
        what="added by the gateway to a picture, p50",
        value=statistics.median(differences[20:]) * 1000,
        unit="ms",
        goal=2,
    )


def _timed(connection: Connection, request: bytes) -> float:
    began = time.perf_counter()
    status, _ = connection.ask(request)
    assert status == 200, status
    return time.perf_counter() - began


def _alone_ms(port: int, pictures: list[bytes]) -> float:
    connection = Connection("127.0.0.1", port)
    took = [_timed(connection, request_of("/predict", one)) for one in pictures * 12]
    return statistics.median(took) * 1000


def _of(answer: dict[str, object]) -> float:
    return float(str(answer["per_s"]))
