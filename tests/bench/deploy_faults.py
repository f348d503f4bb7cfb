"""10,000 requests while a replica is killed every five seconds and versions change.

The shipped detector looks at 160 pixels here, so that the machine is kept busy by
requests and restarts more than by convolutions.
"""

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import psutil

from tests.bench import endpoints
from tests.bench.portal import signed_in
from tests.bench.rows import Row

NUM = int(os.environ.get("BENCH_REQUESTS", "10000"))
CALLERS, KILL_EVERY_S = 4, 5.0
SIDE_PX = 160


class Callers:
    """Ask about pictures in turn, each once; what comes back is compared."""

    def __init__(self, endpoint: endpoints.Endpoint, pictures: list[bytes]) -> None:
        self.statuses: Counter[int] = Counter()
        self.num_wrong = self.num_lost = 0
        self.expected: dict[tuple[int, str], object] = {}
        self._endpoint, self._pictures = endpoint, pictures
        self._lock = threading.Lock()

    def ask(self, num: int) -> None:
        numbers = iter(range(num))
        threads = [
            threading.Thread(target=self._work, args=(numbers,)) for _ in range(CALLERS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, numbers: Iterator[int]) -> None:
        connection = self._endpoint.connect()
        while True:
            with self._lock:
                number = next(numbers, None)
            if number is None:
                return
            picture = number % len(self._pictures)
            try:
                status, body = connection.ask(
                    self._endpoint.request(self._pictures[picture])
                )
            except OSError:
                self.num_lost += 1
                connection = self._endpoint.connect()
                continue
            self._note(picture, status, body)

    def _note(self, picture: int, status: int, body: bytes) -> None:
        with self._lock:
            self.statuses[status] += 1
            if status == 200:
                key = (picture, endpoints.version(body))
                found = endpoints.boxes(body)
                self.num_wrong += self.expected.setdefault(key, found) != found


def measure() -> Iterator[Row]:
    with signed_in() as (running, client), endpoints.pictures(16) as pictures:
        fast = endpoints.publish(client, "fast", side_px=SIDE_PX)
        other = endpoints.publish(client, "other", side_px=SIDE_PX, score_threshold=0.2)
        endpoint = endpoints.create(running, client, num_replicas=2, model=fast)
        endpoints.wait_live(endpoint)
        callers = Callers(endpoint, pictures)
        callers.ask(len(pictures))  # what is right, before anything is killed
        is_done = threading.Event()
        killed: list[int] = []
        killer = threading.Thread(target=_kill, args=(endpoint, is_done, killed))
        killer.start()
        began = time.monotonic()
        callers.ask(NUM)
        seconds = time.monotonic() - began
        is_done.set()
        killer.join()
        answered = callers.statuses[200] - len(pictures)
        yield Row(what="requests", value=NUM, unit=f"in {seconds:.0f} s")
        yield Row(what="replicas killed meanwhile", value=len(killed), unit="")
        yield Row(what="wrong answers", value=callers.num_wrong, unit="", goal=0)
        yield Row(what="requests lost", value=NUM - answered, unit="", goal=0)
        yield from _switch(endpoint, pictures, (other, fast))


def _kill(
    endpoint: endpoints.Endpoint, is_done: threading.Event, killed: list[int]
) -> None:
    for number in itertools.count():
        if is_done.wait(KILL_EVERY_S):
            return
        if running := sorted(endpoint.replicas(), key=lambda each: each.pid):
            with suppress(psutil.NoSuchProcess):
                running[number % len(running)].kill()
                killed.append(number)


def _switch(
    endpoint: endpoints.Endpoint, pictures: list[bytes], models: tuple[str, str]
) -> Iterator[Row]:
    """Changes of the version, one after the other, under the same load."""
    callers = Callers(endpoint, pictures)
    asking = threading.Thread(target=callers.ask, args=(NUM // 10,))
    asking.start()
    num = 0
    for model in itertools.cycle(models):
        if not asking.is_alive():
            break
        endpoint.bring(model, "switch")
        num += 1
        while endpoint.state()["candidate"] is not None:
            time.sleep(0.2)
    asking.join()
    errors = NUM // 10 - callers.statuses[200] + callers.num_wrong
    yield Row(what="changes of the version under load", value=num, unit="")
    yield Row(what="errors meanwhile", value=errors, unit="", goal=0)
