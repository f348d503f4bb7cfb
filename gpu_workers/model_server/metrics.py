"""Prometheus metrics of one server."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("model", "version")
        self._requests = Counter(
            "model_server_requests",
            "Answers, by HTTP status.",
            (*labels, "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "model_server_request_seconds",
            "From the whole request to the answer.",
            labels,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._sizes = Histogram(
            "model_server_batch_size",
            "Requests in one run.",
            labels,
            buckets=_SIZES,
            registry=self.registry,
        )
        self._waiting = Gauge(
            "model_server_waiting",
            "Requests in the queue.",
            labels,
            registry=self.registry,
        )
        self._ready = Gauge(
            "model_server_model_ready",
            "1 where a version answers.",
            labels,
            registry=self.registry,
        )

    def note_request(self, name: str, version: str, status: int, took_s: float) -> None:
        self._requests.labels(name, version, str(status)).inc()
        if status == 200:
            self._seconds.labels(name, version).observe(took_s)

    def note_batch(self, name: str, version: str, size: int) -> None:
        self._sizes.labels(name, version).observe(size)

    def note_ready(self, name: str, version: str, *, is_ready: bool) -> None:
        self._ready.labels(name, version).set(is_ready)

    def note_waiting(self, name: str, version: str, num: int) -> None:
        self._waiting.labels(name, version).set(num)

    def text(self) -> bytes:
        return generate_latest(self.registry)
