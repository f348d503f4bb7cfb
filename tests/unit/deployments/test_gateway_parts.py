import asyncio
import json
from dataclasses import replace

import pytest

from apps.deployments import selectors
from apps.deployments.gateway import app as gateway
from apps.deployments.gateway.agreement import agree, f1
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
    table = Table()
    table.avoid(2)

    orders = [table.order((1, 2, 3), tried=()) for _ in range(20)]

    assert {order[-1] for order in orders} == {2}
    assert {order[0] for order in orders} == {1, 3}
    assert table.order((1, 2), tried=(1,)) == [2]


# The thread that reads may still hold the connection of an earlier test.
@pytest.mark.django_db
def test_routes_that_were_read_long_ago_are_read_again_before_they_are_used(
    monkeypatch,
):
    answers = [{"line": "old"}, {"line": "new"}]
    monkeypatch.setattr(selectors, "routes", lambda: answers.pop(0))

    async def ask() -> list[object]:
        table = Table()
        first = await table.find("line")
        at_once = await table.find("line")
        await asyncio.sleep(OLD_S + 0.05)
        return [first, at_once, await table.find("line")]

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
    scope = {
        "method": "POST",
        "path": "/e/line/predict",
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer dsk_x")],
    }
    left, sent = list(pieces), []

    async def receive() -> dict[str, object]:
        if not left:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": left.pop(0), "more_body": True}

    async def send(message) -> None:
        sent.append(message)

    asyncio.run(gateway.Gateway()(scope, receive, send))

    assert sent[0]["status"] == status
    assert (b"connection", b"close") in sent[0]["headers"]
    assert said in json.loads(sent[1]["body"])["error"]


@pytest.mark.django_db
def test_the_first_answer_of_a_new_endpoint_names_its_version(monkeypatch):
    """Its request was taken before any replica of the version was known."""
    sent, closed = [], asyncio.Event()

    async def replica(reader, writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n"
        writer.write(head + b"{}")
        writer.close()
        await writer.wait_closed()
        closed.set()

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(message) -> None:
        sent.append(message)

    async def called() -> None:
        server = await asyncio.start_server(replica, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        new = replace(ROUTE, ports={}, versions={})
        known = [new, new, replace(ROUTE, ports={1: (port,)})]
        monkeypatch.setattr(
            selectors,
            "routes",
            lambda: {"line": known.pop(0) if len(known) > 1 else known[0]},
        )
        scope = {
            "method": "POST",
            "path": "/e/line/predict",
            "query_string": b"",
            "headers": [(b"authorization", b"Bearer dsk_x")],
        }
        await gateway.Gateway()(scope, receive, send)
        await closed.wait()
        server.close()
        await server.wait_closed()

    asyncio.run(called())

    assert sent[0]["status"] == 200
    assert (b"x-model-version", b"v") in sent[0]["headers"]
