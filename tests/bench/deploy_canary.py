"""A model with wrong answers, brought step by step under live traffic."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx

from tests.bench import endpoints
from tests.bench.portal import signed_in
from tests.bench.rows import Row

CALLERS, LONGEST_S = 2, 120.0


class Traffic:
    """Two callers that never stop, and which version answered them."""

    def __init__(self, endpoint: endpoints.Endpoint, pictures: list[bytes]) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self._endpoint, self._pictures = endpoint, pictures
        self._is_done = threading.Event()
        self._threads = [threading.Thread(target=self._work) for _ in range(CALLERS)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        connection = self._endpoint.connect()
        number = 0
        while not self._is_done.is_set():
            picture = self._pictures[number % len(self._pictures)]
            status, body = connection.ask(self._endpoint.request(picture))
            self.answers[status, endpoints.version(body)] += 1
            number += 1


def measure() -> Iterator[Row]:
    with signed_in() as (running, client), endpoints.pictures(16) as pictures:
        bad = _publish_bad(client)
        endpoint = endpoints.create(running, client)
        endpoints.wait_live(endpoint)
        with Traffic(endpoint, pictures) as traffic:
            time.sleep(10)
            good = next(version for _, version in traffic.answers)
            before = sum(traffic.answers.values())
            endpoint.bring(bad, "canary")
            began = time.monotonic()
            while endpoint.state()["candidate"] is not None:
                assert time.monotonic() < began + LONGEST_S, endpoint.ledger()
                time.sleep(0.2)
            seconds = time.monotonic() - began
        meanwhile = sum(traffic.answers.values()) - before
        hurt = sum(num for key, num in traffic.answers.items() if key != (200, good))
        assert endpoint.ledger()[0]["kind"] == "rolled_back", endpoint.ledger()
        yield Row(what="a bad model, until it was taken back", value=seconds, unit="s")
        yield Row(what="requests meanwhile", value=meanwhile, unit="")
        yield Row(
            what="of them answered by it, or with an error",
            value=100 * hurt / meanwhile,
            unit="%",
            goal=1,
        )


def _publish_bad(client: httpx.Client) -> str:
    """The shipped detector, with its classes called wrong."""
    names = endpoints.config()["classes"]
    return endpoints.publish(client, "bad", classes=names[1:] + names[:1])
