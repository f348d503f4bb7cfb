"""Boxes saved through the API by eight clients on the machine of the two web processes."""

import json
import threading
import time
from collections.abc import Iterator
from statistics import median
from uuid import uuid4

from tests.bench.fire import Connection, request_of
from tests.bench.portal import signed_in
from tests.bench.rows import Row

NUM_CLIENTS, SECONDS, REPEATS = 8, 3.0, 5
# What a hand does in the quarter of a second that the editor gathers, and a copied crowd.
BATCHES = {1: (300.0, 60.0), 10: (None, None)}


def measure() -> Iterator[Row]:
    """Medians over turns; every client draws on an image of its own."""
    with signed_in() as (running, client):
        found = client.get("/api/v1/labeling/projects/1/images/").json()["results"]
        images = [row["id"] for row in found[:NUM_CLIENTS]]
        assert len(images) == NUM_CLIENTS, "the demo project has too few images"
        document = client.get(f"/api/v1/labeling/images/{images[0]}/document/").json()
        token = client.headers["Authorization"]
        host, _, port = (
            running.state.address.strip("/").rpartition("/")[2].partition(":")
        )
        people = [
            Person(host, int(port), token, image, document["labels"][0]["id"])
            for image in images
        ]
        for size, (goal, most_ms) in BATCHES.items():
            turns = [_turn(people, size) for _ in range(REPEATS + 1)][1:]
            each = "one a request" if size == 1 else f"{size} a request"
            rate = median(size * len(took) / seconds for took, seconds in turns)
            yield Row(
                what=f"operations, {each}",
                value=rate,
                unit="operations/s",
                goal=goal,
                is_more_better=True,
            )
            p95 = median(took[int(0.95 * len(took))] for took, _ in turns)
            yield Row(
                what=f"a request of {size}, p95",
                value=p95 * 1000,
                unit="ms",
                goal=most_ms,
            )


class Person:
    """Somebody who draws box after box, each saved before the next."""

    def __init__(
        self, host: str, port: int, token: str, image_id: int, label_id: int
    ) -> None:
        self._connection = Connection(host, port)
        self._path = f"/api/v1/labeling/images/{image_id}/operations/"
        self._token, self._label_id = token, label_id
        self._host = f"Host: {host}:{port}".encode()
        self._revision = 0

    def save(self, size: int) -> float:
        """Save boxes in one request; how long that took in seconds."""
        body = json.dumps({"operations": [self._operation() for _ in range(size)]})
        headers = (
            f"Authorization: {self._token}",
            f'If-Match: "{self._revision}"',
            f"Idempotency-Key: {uuid4()}",
        )
        request = (
            request_of(self._path, body.encode(), *headers)
            .replace(b"image/jpeg", b"application/json", 1)
            .replace(b"Host: bench", self._host, 1)
        )
        began = time.monotonic()
        status, answer = self._connection.ask(request)
        took = time.monotonic() - began
        content = json.loads(answer)
        assert status in (200, 412), answer
        self._revision = content["revision"]
        return self.save(size) if status == 412 else took

    def _operation(self) -> dict[str, object]:
        annotation = {
            "id": str(uuid4()),
            "label_id": self._label_id,
            "kind": "box",
            "bbox": [10.0, 10.0, 60.0, 40.0],
        }
        return {"op": "put", "annotation": annotation}


def _turn(people: list[Person], size: int) -> tuple[list[float], float]:
    """Sorted seconds of all requests of a turn, and how long it lasted."""
    took: list[float] = []
    began = time.monotonic()

    def draw(person: Person) -> None:
        while time.monotonic() < began + SECONDS:
            took.append(person.save(size))

    threads = [threading.Thread(target=draw, args=(each,)) for each in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(took), time.monotonic() - began
