"""The ASGI application behind `/e/`."""

import asyncio
import json
import logging
import random
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from apps.deployments.gateway.agreement import agree
from apps.deployments.gateway.limits import Limits
from apps.deployments.gateway.refusing import Refused
from apps.deployments.gateway.replicas import (
    ReplicaDiedError,
    ReplicaGoneError,
    Replicas,
    Reply,
    request_bytes,
)
from apps.deployments.gateway.sampling import Sampler
from apps.deployments.gateway.suspects import CHANCES, Suspects
from apps.deployments.gateway.table import Table, Tallies
from apps.deployments.secrets import digest
from apps.deployments.types import KeyLimits, Route

log = logging.getLogger(__name__)
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

PREFIX = "/e/"
MAX_BYTES = 32 * 1024 * 1024
BODY_S = 15.0
ANSWER_S = 30.0
START_S = 30.0  # how long a request waits for a first replica
MAX_TRIES = 3
_PATH = re.compile(r"/e/(?P<slug>[a-z0-9_-]+)(?P<rest>/(?:predict|v2(?:/[\w.:-]+)*/?))")
_PASSED = (b"content-type", b"inference-header-content-length", b"x-deadline-ms")
_RETURNED = (b"content-type", b"inference-header-content-length")
_WORTH_ANOTHER_TRY = (500, 502, 503)
_NOBODY = "no replica answers; the endpoint's page says why"
_DEADLY = (
    "three processes ended while they read this request, so it is not asked again: send "
    "another or a smaller picture; the log on the endpoint's page says how they ended"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, read to its end.

    Attributes:
        data: As replicas are given it.
        content: What stays the same when it is sent again.
        counts: Whether it is one of the traffic, by which a version is judged.
        picture: What it is about, where that came as it is.
    """

    id: bytes
    data: bytes
    content: bytes
    counts: bool
    may_compare: bool
    picture: bytes | None


class Gateway:
    """Finds the replica, asks another one where the first fails, and counts."""

    def __init__(self) -> None:
        self.table = Table()
        self._replicas = Replicas()
        self._tallies = Tallies()
        self._limits = Limits()
        self._sampler = Sampler()
        self._suspects = Suspects()
        self._aside: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id", b"")[:64]
        request_id = request_id or secrets.token_hex(8).encode()
        try:
            reply = await self._answer(scope, headers, receive, request_id)
        except Refused as refused:
            body = json.dumps(
                {"error": str(refused), "request_id": request_id.decode("latin-1")}
            )
            reply = Reply(
                status=refused.status,
                headers=[(b"content-type", b"application/json"), *refused.headers],
                body=body.encode(),
            )
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [
                    (b"x-request-id", request_id),
                    (b"content-length", str(len(reply.body)).encode()),
                    *reply.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(
        self,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        receive: Receive,
        request_id: bytes,
    ) -> Reply:
        match = _PATH.fullmatch(scope["path"])
        method = scope["method"]
        if match is None or method not in {"GET", "HEAD", "POST"}:
            raise Refused(404, "an endpoint answers POST .../predict and .../v2/...")
        rest = match["rest"]
        if rest.startswith("/v2/repository/") and rest != "/v2/repository/index":
            raise Refused(403, "versions are changed on the endpoint's page, not here")
        route = await self.table.find(match["slug"])
        if route is None:
            raise Refused(404, "no endpoint has this address")
        await self._admit(route, headers)
        if route.is_paused:
            raise Refused(503, "this endpoint is paused; resume it on its page")
        body = await _read(headers, receive)
        query = scope["query_string"]
        target = rest.encode() + (b"?" + query if query else b"")
        passed = [(name, headers[name]) for name in _PASSED if name in headers]
        asked = Asked(
            id=request_id,
            data=request_bytes(
                method, target, [*passed, (b"x-request-id", request_id)], body
            ),
            content=target + body,
            counts=method == "POST",
            may_compare=rest.endswith(("/predict", "/infer")),
            picture=_picture(rest, headers, body),
        )
        return await self._serve(route, asked)

    async def _admit(self, route: Route, headers: Mapping[bytes, bytes]) -> None:
        given = headers.get(b"authorization", b"").decode("latin-1")
        text = given.removeprefix("Bearer ").strip()
        text = text or headers.get(b"x-api-key", b"").decode("latin-1")
        key = await self._key(route, digest(text)) if text else None
        if key is None:
            raise Refused(
                401,
                "send a key of this endpoint as Authorization: Bearer dsk_...",
                [(b"www-authenticate", b"Bearer")],
            )
        refusal = await self._limits.refusal(key)
        if refusal is not None:
            reason, seconds = refusal
            raise Refused(429, reason, [(b"retry-after", str(seconds).encode())])

    async def _key(self, route: Route, digested: str) -> KeyLimits | None:
        if key := route.keys.get(digested):
            return key
        fresh = await self.table.find_again(route.slug)  # it may have just been made
        return fresh.keys.get(digested) if fresh else None

    async def _serve(self, route: Route, asked: Asked) -> Reply:
        first = route.stable
        if route.candidate and asked.counts and random.random() * 100 < route.share:  # noqa: S311 -- a split, not a secret
            first = route.candidate
        chosen = first if first is not None else route.candidate
        if chosen is None:
            route = await self._wait_for_start(route)
            chosen = route.stable or route.candidate
            assert chosen is not None
        reply, answered, route = await self._ask_with_care(route, chosen, asked)
        is_shadowed = route.shadow > 0 and chosen == route.stable
        is_canary = chosen == route.candidate and route.stable is not None
        if asked.may_compare and route.candidate and (is_shadowed or is_canary):
            other = route.candidate if is_shadowed else route.stable
            if other is not None and answered == chosen:
                self._do_aside(self._compare(route, other, asked, reply))
        if route.is_sampled and asked.picture and reply.status == 200:
            self._sampler.offer(route.endpoint_id, asked.picture, reply.body)
        version = route.versions.get(answered, "").encode()
        kept = [pair for pair in reply.headers if pair[0] in _RETURNED]
        return Reply(
            status=reply.status,
            headers=[*kept, (b"x-model-version", version)],
            body=reply.body,
        )

    async def _ask_with_care(
        self, route: Route, chosen: int, asked: Asked
    ) -> tuple[Reply, int, Route]:
        """Ask; where the process ends meanwhile, twice more, alone, and never again."""
        safe = chosen if route.stable is None else route.stable
        if self._suspects.is_convicted(safe, asked.content):
            raise Refused(500, _DEADLY)
        began = time.monotonic()
        with suppress(ReplicaDiedError):
            return await self._ask_until_answered(route, chosen, asked)
        for _ in range(CHANCES):
            try:
                async with self._suspects.alone(route.endpoint_id):
                    found = await self._ask_until_answered(route, safe, asked)
            except TimeoutError:
                raise Refused(503, _NOBODY, [(b"retry-after", b"2")]) from None
            except ReplicaDiedError:
                continue
            self._tallies.of(found[1]).num_retried += 1
            return found
        self._suspects.convict(safe, asked.content)
        told = asked.id.decode("latin-1"), route.slug
        log.error("request %s ended three replicas of %s", *told)
        if safe != route.candidate:  # there it is counted
            tally = self._tallies.of(safe)
            tally.note((time.monotonic() - began) * 1000)
            tally.num_errors += 1
        raise Refused(500, _DEADLY)

    async def _ask_until_answered(
        self, route: Route, chosen: int, asked: Asked
    ) -> tuple[Reply, int, Route]:
        """Ask the chosen version; where it fails, its other replicas, then the stable.

        Returns:
            The answer, the release that gave it, and the route as it was by then.

        Raises:
            ReplicaDiedError: A replica took the request along.
        """
        tried: list[int] = []
        last: Reply | None = None
        deadline = time.monotonic() + START_S
        release = chosen
        while len(tried) < MAX_TRIES:
            order = self.table.order(route.ports.get(release, ()), tried=tried)
            if not order and release != route.stable and route.stable is not None:
                release = route.stable
                continue
            if not order:
                if last is not None or time.monotonic() > deadline:
                    break
                tried.clear()
                route = await self._later(route)
                release = route.stable if route.stable is not None else chosen
                continue
            reply = await self._try(route, release, order[0], asked)
            if reply is not None and reply.status not in _WORTH_ANOTHER_TRY:
                if tried:
                    self._tallies.of(release).num_retried += 1
                return reply, release, route
            tried.append(order[0])
            last = reply or last
            if route.stable is not None:
                release = route.stable  # a new version gets one chance a request
        if last is not None:
            return last, release, route
        raise Refused(503, _NOBODY, [(b"retry-after", b"2")])

    async def _try(
        self, route: Route, release: int, port: int, asked: Asked
    ) -> Reply | None:
        began = time.monotonic()
        try:
            reply = await self._replicas.ask(port, asked.data, timeout_s=ANSWER_S)
        except ReplicaDiedError:
            self.table.avoid(port)
            if asked.counts:
                self._count(route, release, None, (time.monotonic() - began) * 1000)
            raise
        except ReplicaGoneError:
            self.table.avoid(port)
            reply = None
        except TimeoutError:
            self.table.avoid(port)
            reply = Reply(status=504, headers=[], body=b'{"error": "too slow"}')
        if asked.counts:
            took_ms = (time.monotonic() - began) * 1000
            self._count(route, release, reply, took_ms)
        return reply

    def _count(
        self, route: Route, release: int, reply: Reply | None, took_ms: float
    ) -> None:
        tally = self._tallies.of(release)
        is_judged = release == route.candidate
        if reply is None and not is_judged:
            return  # a process that died; whoever answered instead is counted
        tally.note(took_ms)
        tally.num_errors += reply is None or reply.status >= 500
        if is_judged and 0 < route.slow_ms < took_ms:
            tally.num_slow += 1

    async def _compare(
        self, route: Route, other: int, asked: Asked, reply: Reply
    ) -> None:
        """Ask the other version too; its answer is compared and thrown away."""
        order = self.table.order(route.ports.get(other, ()), tried=())
        if not order:
            return
        second: Reply | None
        try:
            if other == route.candidate:
                second = await self._try(route, other, order[0], asked)
            else:
                second = await self._replicas.ask(
                    order[0], asked.data, timeout_s=ANSWER_S
                )
        except (ReplicaGoneError, TimeoutError):
            return
        if second is None or reply.status != 200 or second.status != 200:
            return
        is_same = agree(reply.body, second.body)
        if is_same is not None and route.candidate is not None:
            tally = self._tallies.of(route.candidate)
            tally.num_compared += 1
            tally.num_agreed += is_same

    def _do_aside(self, work: Any) -> None:
        if len(self._aside) >= 64:  # comparisons may never slow the answers down
            work.close()
            return
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._aside.discard)

    async def _wait_for_start(self, route: Route) -> Route:
        """A new endpoint's first caller waits until something answers."""
        deadline = time.monotonic() + START_S
        while route.stable is None and time.monotonic() < deadline:
            route = await self._later(route)
        if route.stable is None:
            raise Refused(
                503,
                "no version of this endpoint is ready; its page says why",
                [(b"retry-after", b"5")],
            )
        return route

    async def _later(self, route: Route) -> Route:
        await asyncio.sleep(0.1)
        await self.table.refresh()
        found = await self.table.find(route.slug)
        if found is None or found.is_paused:
            raise Refused(503, "this endpoint is paused or was deleted")
        return found


def _picture(rest: str, headers: Mapping[bytes, bytes], body: bytes) -> bytes | None:
    """The picture that a request is about, where it came as it is."""
    kind = headers.get(b"content-type", b"")
    return (
        body
        if rest == "/predict" and not kind.startswith(b"application/json")
        else None
    )


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_BYTES:
        raise Refused(413, f"a body may have {MAX_BYTES // 2**20} MiB", [CLOSE])
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "the client went away")
                piece = message.get("body", b"")
                size += len(piece)
                if size > MAX_BYTES:
                    raise Refused(
                        413, f"a body may have {MAX_BYTES // 2**20} MiB", [CLOSE]
                    )
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise Refused(
            408, f"the body did not arrive in {BODY_S:.0f} s", [CLOSE]
        ) from None


CLOSE = (b"connection", b"close")
