import asyncio
import json
import threading
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import pytest

from apps.deployments import selectors
from apps.deployments.gateway import app as gateway
from apps.deployments.gateway import table
from apps.deployments.gateway.agreement import agree, f1
from apps.deployments.gateway.replicas import Headers
from apps.deployments.gateway.suspects import REMEMBERED_S, Suspects
from apps.deployments.gateway.table import OLD_S, Table
from apps.deployments.secrets import digest
from apps.deployments.types import LATENCY_MS, KeyLimits, Route, Tally


def _found(label: str, *bbox: float) -> dict[str, object]:
    return {"label": label, "bbox": list(bbox), "score": 0.9}


DENT = _found("dent", 0, 0, 10, 10)


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ([], [], 1.0),
        ([DENT], [], 0.0),
        ([DENT], [_found("dent", 1, 0, 11, 10)], 1.0),
        ([DENT], [_found("dent", 6, 0, 16, 10)], 0.0),
        ([DENT], [_found("pit", 0, 0, 10, 10)], 0.0),
        ([DENT, _found("pit", 50, 50, 60, 60)], [DENT], 2 / 3),
        ([DENT, DENT], [DENT], 2 / 3),
    ],
)
def test_agreement_counts_objects_once(first, second, share):
    assert f1(first, second) == pytest.approx(share)
    assert f1(second, first) == pytest.approx(share)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        ({"detections": [DENT]}, {"detections": [DENT]}, True),
        ({"detections": [DENT]}, {"detections": []}, False),
        ({"labels": [{"label": "cat"}]}, {"labels": [{"label": "cat"}]}, True),
        ({"labels": [{"label": "cat"}]}, {"labels": [{"label": "dog"}]}, False),
        ({"error": "x"}, {"detections": []}, None),
        ([], {}, None),
    ],
)
def test_answers_are_compared_by_their_kind(one, other, verdict):
    assert agree(json.dumps(one).encode(), json.dumps(other).encode()) is verdict


def test_what_is_no_json_is_not_compared():
    assert agree(b"\x00", b"{}") is None


def test_a_tally_puts_each_request_into_one_cell():
    tally = Tally()
    for took_ms in (0.5, 2.0, 2.5, 4999, 6000):
        tally.note(took_ms)

    assert tally.histogram is not None
    assert sum(tally.histogram) == tally.num == 5
    assert tally.histogram[:2] == [2, 1]
    assert tally.histogram[len(LATENCY_MS) - 1 :] == [1, 1]


def test_a_replica_that_just_failed_is_asked_last():
    routes = Table()
    routes.avoid(2)

    orders = [routes.order((1, 2, 3), tried=()) for _ in range(20)]

    assert {order[-1] for order in orders} == {2}
    assert {order[0] for order in orders} == {1, 3}
    assert routes.order((1, 2), tried=(1,)) == [2]


# The thread that reads may still hold the connection of an earlier test.
@pytest.mark.django_db
def test_routes_that_were_read_long_ago_are_read_again_before_they_are_used(
    monkeypatch,
):
    answers = [{"line": "old"}, {"line": "new"}]
    monkeypatch.setattr(selectors, "routes", lambda: answers.pop(0))

    async def ask() -> list[object]:
        routes = Table()
        first = await routes.find("line")
        at_once = await routes.find("line")
        await asyncio.sleep(OLD_S + 0.05)
        return [first, at_once, await routes.find("line")]

    assert asyncio.run(ask()) == ["old", "old", "new"]


ROUTE = Route(
    endpoint_id=1,
    slug="line",
    is_paused=False,
    stable=1,
    candidate=None,
    share=0,
    shadow=0,
    slow_ms=0.0,
    ports={1: (1,)},
    versions={1: "v"},
    keys={digest("dsk_x"): KeyLimits(key_id=1, per_minute=0, per_day=0)},
    is_sampled=False,
)
SCOPE = {
    "method": "POST",
    "path": "/e/line/predict",
    "query_string": b"",
    "headers": [(b"authorization", b"Bearer dsk_x")],
}


@pytest.mark.django_db
def test_a_database_that_hangs_is_not_waited_for_without_end(monkeypatch):
    is_back = threading.Event()
    monkeypatch.setattr(selectors, "routes", is_back.wait)
    monkeypatch.setattr(table, "AWAY_S", 0.05)
    sent = []

    async def send(message) -> None:
        sent.append(message)

    async def ask() -> None:
        try:
            await gateway.Gateway()(SCOPE, asyncio.Event().wait, send)
        finally:
            is_back.set()

    asyncio.run(ask())

    assert sent[0]["status"] == 503
    assert "database does not answer" in json.loads(sent[1]["body"])["error"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("pieces", "status", "said"),
    [
        ([], 408, "did not arrive"),
        ([b"a"], 408, "did not arrive"),
        ([b"x" * 2**20] * 3, 413, "may have 2 MiB"),
    ],
)
def test_a_body_that_dribbles_in_or_never_ends_is_given_up(
    monkeypatch, pieces, status, said
):
    monkeypatch.setattr(selectors, "routes", lambda: {"line": ROUTE})
    monkeypatch.setattr(gateway, "BODY_S", 0.05)
    monkeypatch.setattr(gateway, "MAX_BYTES", 2 * 2**20)
    left, sent = list(pieces), []

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(gateway.Gateway()(SCOPE, receive, send))

    assert sent[0]["status"] == status
    assert (b"connection", b"close") in sent[0]["headers"]
    assert said in json.loads(sent[1]["body"])["error"]


class FakeReplica:
    """Answers `{}` after a moment; `deadly` takes all that it is busy with along.

    Its first `num_ends` requests are in it when it is ended from outside.
    """

    def __init__(self, num_ends: int = 0) -> None:
        self.bodies: list[bytes] = []
        self._num_ends = num_ends
        self._busy: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> int:
        self._server = await asyncio.start_server(self._work, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _work(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._busy.add(writer)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        self.bodies.append(body)
        await asyncio.sleep(0.02)
        if body == b"deadly" or len(self.bodies) <= self._num_ends:
            for each in self._busy:
                each.transport.abort()
            self._busy.clear()
        else:
            answer = (
                b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"
            )
            writer.write(answer + b"{}")
        self._busy.discard(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _post(app: gateway.Gateway, body: bytes) -> tuple[int, Headers, object]:
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message) -> None:
        sent.append(message)

    await app(SCOPE, receive, send)
    return sent[0]["status"], sent[0]["headers"], json.loads(sent[1]["body"])


@pytest.mark.django_db
def test_the_first_answer_of_a_new_endpoint_names_its_version(monkeypatch):
    """Its request was taken before any replica of the version was known."""

    async def called() -> tuple[int, Headers, object]:
        async with FakeReplica() as port:
            new = replace(ROUTE, ports={}, versions={})
            known = [new, new, replace(ROUTE, ports={1: (port,)})]
            monkeypatch.setattr(
                selectors,
                "routes",
                lambda: {"line": known.pop(0) if len(known) > 1 else known[0]},
            )
            return await _post(gateway.Gateway(), b"x")

    status, headers, _ = asyncio.run(called())

    assert status == 200
    assert (b"x-model-version", b"v") in headers


@pytest.mark.django_db
@pytest.mark.parametrize("num_replicas", [1, 2])
def test_of_all_that_a_process_took_along_the_one_at_fault_is_asked_thrice(
    monkeypatch, num_replicas
):
    replicas = [FakeReplica() for _ in range(num_replicas)]

    async def called() -> list[tuple[int, Headers, object]]:
        async with AsyncExitStack() as open_:
            ports = [await open_.enter_async_context(each) for each in replicas]
            route = replace(ROUTE, ports={1: tuple(ports)})
            monkeypatch.setattr(selectors, "routes", lambda: {"line": route})
            app = gateway.Gateway()
            bodies = [b"a", b"b", b"deadly", b"c", b"d"]
            first = await asyncio.gather(*(_post(app, each) for each in bodies))
            return [*first, await _post(app, b"deadly"), await _post(app, b"e")]

    answers = asyncio.run(called())

    assert [status for status, *_ in answers] == [200, 200, 500, 200, 200, 500, 200]
    error = answers[2][2]
    assert isinstance(error, dict)
    assert "it is not asked again: send another or a smaller" in error["error"]
    asked = [body for each in replicas for body in each.bodies]
    assert asked.count(b"deadly") == 3
    assert asked.count(b"e") == 1


@pytest.mark.django_db
def test_an_innocent_is_answered_though_two_processes_end_around_it(monkeypatch):
    """As both do where their keeper is killed."""
    replicas = [FakeReplica(num_ends=1), FakeReplica(num_ends=1)]

    async def called() -> list[int]:
        async with AsyncExitStack() as open_:
            ports = [await open_.enter_async_context(each) for each in replicas]
            route = replace(ROUTE, ports={1: tuple(ports)})
            monkeypatch.setattr(selectors, "routes", lambda: {"line": route})
            app = gateway.Gateway()
            return [(await _post(app, b"innocent"))[0] for _ in range(2)]

    assert asyncio.run(called()) == [200, 200]
    assert sum(len(each.bodies) for each in replicas) == 4


@pytest.mark.django_db
def test_a_key_opens_the_door_as_soon_as_it_is_made(monkeypatch):
    reads = []

    async def called() -> list[int]:
        async with FakeReplica() as port:
            new = replace(ROUTE, ports={1: (port,)})
            known = [replace(new, keys={}), new]

            def routes() -> dict[str, Route]:
                reads.append(1)
                return {"line": known.pop(0) if len(known) > 1 else known[0]}

            monkeypatch.setattr(selectors, "routes", routes)
            app = gateway.Gateway()
            statuses = [(await _post(app, b"x"))[0]]
            num = len(reads)
            monkeypatch.setitem(SCOPE, "headers", [(b"x-api-key", b"dsk_wrong")])
            wrong = await asyncio.gather(*(_post(app, b"x") for _ in range(20)))
            assert len(reads) - num <= 2
            return [*statuses, *(status for status, *_ in wrong)]

    assert asyncio.run(called()) == [200] + [401] * 20


def test_a_conviction_holds_for_one_version_and_ten_minutes(monkeypatch):
    suspects = Suspects()
    assert not suspects.is_convicted(1, b"x")
    suspects.convict(1, b"x")

    assert suspects.is_convicted(1, b"x")
    assert not suspects.is_convicted(2, b"x")
    assert not suspects.is_convicted(1, b"y")

    later = time.monotonic() + REMEMBERED_S
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert not suspects.is_convicted(1, b"x")
