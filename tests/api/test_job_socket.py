"""The live view of a job: in order, gap-free, from where one was."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError, connection
from django.utils import timezone

from apps.accounts.models import ApiToken, User, Workspace
from apps.jobs import feeds, selectors, services
from apps.jobs.events import group
from apps.jobs.models import Job, JobEvent
from apps.jobs.types import Claim, EventKind, NewEvent
from tests.api.sockets import Socket, refusal, session_of, watching
from tests.waiting import waiting_job

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("real_layer"),
]


@pytest.fixture
def job(alice: User, workspace: Workspace) -> Job:
    return waiting_job(alice, workspace.pk)


@pytest.fixture
def claim(job: Job) -> Claim:
    claim = services.claim_job(job_id=job.pk, worker="w")
    assert claim is not None
    services.start_running(claim, num_total=100)
    return claim


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each look into the database brought."""
    read, found = selectors.events_after, []

    def counted(**given: Any) -> list[JobEvent]:
        rows = read(**given)
        found.append(len(rows))
        return rows

    monkeypatch.setattr(selectors, "events_after", counted)
    return found


async def listening(reads: list[int]) -> None:
    """Wait for a feed's second look, which follows its joining the group."""
    async with asyncio.timeout(20):
        while len(reads) < 2:  # noqa: ASYNC110 -- filled by the thread that reads
            await asyncio.sleep(0.01)
    reads.clear()


def log(claim: Claim, line: str) -> None:
    try:
        event = NewEvent(kind=EventKind.LOG, payload={"line": line})
        services.report(claim, [event])
    finally:
        connection.close()


async def test_all_that_was_is_told_first(job: Job, claim: Claim, bob: User):
    cookie = await database_sync_to_async(session_of)(bob)

    async with watching(job.pk, cookie) as socket:
        told = await socket.events(3)

    assert [row["seq"] for row in told] == [1, 2, 3]
    assert told[2].keys() == {"type", "seq", "kind", "payload", "at"}
    assert (told[2]["type"], told[2]["kind"]) == ("event", "state")
    assert told[2]["payload"] == {"status": "running", "attempt": 1}


async def test_what_came_meanwhile_comes_at_once(job: Job, claim: Claim, bob: User):
    cookie = await database_sync_to_async(session_of)(bob)

    async with watching(job.pk, cookie) as socket:
        lines = (await socket.message())["text"].split("\n")

    assert [json.loads(line)["seq"] for line in lines] == [1, 2, 3]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?after=2", [3]),
        ("?after=0", [1, 2, 3]),
        ("?after=%C2%B2", [1, 2, 3]),
        ("?after=-1", [1, 2, 3]),
        ("?other=2&after=1", [2, 3]),
    ],
)
async def test_a_browser_goes_on_from_what_it_saw(
    job: Job, claim: Claim, bob: User, query: str, expected: list[int]
):
    cookie = await database_sync_to_async(session_of)(bob)

    async with watching(job.pk, cookie, query=query) as socket:
        told = [row["seq"] for row in await socket.events(len(expected))]
        rest = await socket.is_silent()

    assert (told, rest) == (expected, True)


async def test_three_writers_at_once_leave_no_gap(job: Job, claim: Claim, bob: User):
    cookie = await database_sync_to_async(session_of)(bob)
    loop = asyncio.get_running_loop()

    async with watching(job.pk, cookie, query="?after=3") as socket:
        with ThreadPoolExecutor(3) as writers:
            sent = [
                loop.run_in_executor(writers, log, claim, f"line {number}")
                for number in range(30)
            ]
            told = await socket.events(30)
            await asyncio.gather(*sent)
        rest = await socket.is_silent()

    assert [row["seq"] for row in told] == list(range(4, 34))
    assert {row["payload"]["line"] for row in told} == {f"line {n}" for n in range(30)}
    assert rest


async def test_lost_doubled_and_late_pokes_change_nothing(
    job: Job,
    claim: Claim,
    bob: User,
    reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    cookie = await database_sync_to_async(session_of)(bob)
    layer: Any = get_channel_layer()

    def poke(seq: int) -> dict[str, Any]:
        payload = {"type": "jobs.poked", "job_id": str(job.pk), "seq": seq}
        return {"type": "forward.event", "payload": payload}

    async with watching(job.pk, cookie, query="?after=3") as socket:
        await listening(reads)
        monkeypatch.setattr("apps.core.realtime._send", lambda *_given: None)
        for number in range(3):
            await asyncio.to_thread(log, claim, f"line {number}")
        unheard = await socket.is_silent()
        for seq in (6, 6, 4, 1):
            await layer.group_send(group(job.pk), poke(seq))
        told = [row["seq"] for row in await socket.events(3)]
        rest = await socket.is_silent()

    assert (unheard, told, rest) == (True, [4, 5, 6], True)


async def test_rows_are_read_once_for_all_who_watch(
    job: Job, claim: Claim, bob: User, reads: list[int]
):
    cookie = await database_sync_to_async(session_of)(bob)

    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(watching(job.pk, cookie, query="?after=3"))
            for _ in range(5)
        ]
        await listening(reads)
        await asyncio.to_thread(log, claim, "one for all")
        told = [(await socket.event())["payload"] for socket in sockets]

    assert told == [{"line": "one for all"}] * 5
    assert sum(reads) == 1


async def test_who_is_far_behind_reads_what_is_kept_no_more(
    job: Job, claim: Claim, bob: User, monkeypatch: pytest.MonkeyPatch
):
    cookie = await database_sync_to_async(session_of)(bob)
    monkeypatch.setattr(feeds, "NUM_KEPT", 2)

    async with watching(job.pk, cookie, query="?after=3") as ahead:
        for number in range(6):
            await asyncio.to_thread(log, claim, f"line {number}")
        await ahead.events(6)
        async with watching(job.pk, cookie) as behind:
            told = [row["seq"] for row in await behind.events(9)]

    assert told == list(range(1, 10))


async def test_the_more_watch_the_more_a_message_holds(
    job: Job, claim: Claim, bob: User, reads: list[int], monkeypatch: pytest.MonkeyPatch
):
    cookie = await database_sync_to_async(session_of)(bob)
    monkeypatch.setattr(feeds, "MESSAGES_PER_S", 1.0)

    async with watching(job.pk, cookie, query="?after=3") as socket:
        await listening(reads)
        await asyncio.to_thread(log, claim, "sent at once")
        first = (await socket.message())["text"].split("\n")
        for number in range(3):
            await asyncio.to_thread(log, claim, f"line {number}")
        second = (await socket.message())["text"].split("\n")

    assert [len(message) for message in (first, second)] == [1, 3]


async def test_a_feed_hears_again_after_valkey_forgot_it(
    job: Job,
    claim: Claim,
    bob: User,
    reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    cookie = await database_sync_to_async(session_of)(bob)
    monkeypatch.setattr(feeds, "LOOK_EVERY_S", 0.2)
    layer: Any = get_channel_layer()

    async with watching(job.pk, cookie, query="?after=3") as socket:
        await listening(reads)
        await layer.flush()
        await asyncio.to_thread(log, claim, "while it was deaf")
        late = await socket.event()
        monkeypatch.setattr(feeds, "LOOK_EVERY_S", 60)
        await asyncio.to_thread(log, claim, "and at once again")
        soon = await asyncio.wait_for(socket.event(), 5)

    assert [late["seq"], soon["seq"]] == [4, 5]


async def test_a_database_that_was_away_loses_nothing(
    job: Job,
    claim: Claim,
    bob: User,
    reads: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    cookie = await database_sync_to_async(session_of)(bob)
    monkeypatch.setattr(feeds, "AGAIN_S", 0.1)

    def away(**_given: Any) -> list[JobEvent]:
        raise OperationalError("the server closed the connection")

    async with watching(job.pk, cookie, query="?after=3") as socket:
        await listening(reads)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(selectors, "events_after", away)
            await asyncio.to_thread(log, claim, "unheard at first")
            silent = await socket.is_silent()
        told = await socket.event()

    assert (silent, told["seq"]) == (True, 4)


async def test_what_a_browser_says_is_not_heard(job: Job, claim: Claim, bob: User):
    cookie = await database_sync_to_async(session_of)(bob)

    async with watching(job.pk, cookie, query="?after=3") as socket:
        await socket.say(text="not json")
        await socket.say(text='{"type": "forward.event"}')
        await socket.say(bytes=b"\xff")
        await asyncio.to_thread(log, claim, "still here")
        told = await socket.event()

    assert told["payload"] == {"line": "still here"}


async def test_a_stranger_and_a_made_up_job_are_answered_alike(job: Job, charlie: User):
    cookie = await database_sync_to_async(session_of)(charlie)

    codes = [await refusal(job.pk, cookie), await refusal(uuid4(), cookie)]

    assert codes == [4404, 4404]


async def test_who_is_not_signed_in_is_told_so(job: Job):
    assert await refusal(job.pk) == 4401


async def test_another_site_is_not_let_in(job: Job, bob: User):
    cookie = await database_sync_to_async(session_of)(bob)
    headers = [cookie, (b"origin", b"https://evil.example")]

    answer = await Socket(f"/ws/jobs/{job.pk}/", headers).open()

    assert answer["type"] == "websocket.close"


async def test_a_token_opens_it_until_it_ends(
    job: Job, bob: User, token_for: Callable[[User], str]
):
    secret = await database_sync_to_async(token_for)(bob)
    header = (b"authorization", f"Bearer {secret}".encode())

    async with watching(job.pk, header) as socket:
        told = [row["seq"] for row in await socket.events(1)]
    past = timezone.now() - timedelta(seconds=1)
    await database_sync_to_async(ApiToken.objects.update)(expires_at=past)
    codes = [
        await refusal(job.pk, header),
        await refusal(job.pk, (b"authorization", b"Bearer dsp_unknown")),
    ]

    assert (told, codes) == ([1], [4401, 4401])
