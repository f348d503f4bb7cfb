"""Follows a job over its socket."""

import json
import time
from collections.abc import Callable, Iterator

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)
from websockets.sync.client import connect
from websockets.typing import Origin

from dsportal.client.errors import NotFoundError, ServerDownError, TokenError
from dsportal.client.http import Http, pause_s
from dsportal.client.types import ENDED, Event, Job

NOT_SIGNED_IN, NOT_FOUND = 4401, 4404


def watch(
    http: Http, token: str, read_job: Callable[[], Job], *, after: int
) -> Iterator[Event]:
    """Yield events in order without a gap, over as many connections as it takes.

    Raises:
        NotFoundError: No such job for this person.
        TokenError: The token ended.
        ServerDownError: The socket could not be opened again.
    """
    job = read_job()
    if job.is_over and job.last_seq <= after:
        return
    seq, num_failures = after, 0
    while True:
        try:
            for event in _connection(http, token, job.id, seq):
                seq, num_failures = event.seq, 0
                yield event
                if _ends(event) and read_job().last_seq == seq:
                    return
        except (OSError, WebSocketException) as exc:
            num_failures += 1
            _check(exc, http, num_failures)
            time.sleep(pause_s(num_failures))


def _connection(http: Http, token: str, job_id: str, seq: int) -> Iterator[Event]:
    """Yield the events of one connection; raises when it ends, however it ends."""
    address = http.url.replace("http", "ws", 1)
    with connect(
        f"{address}/ws/jobs/{job_id}/?after={seq}",
        additional_headers={"Authorization": f"Bearer {token}"},
        origin=Origin(http.url),
        open_timeout=20,
    ) as socket:
        while True:
            for line in socket.recv().splitlines():
                yield Event.from_wire(json.loads(line))


def _ends(event: Event) -> bool:
    return event.kind == "state" and event.payload["status"] in ENDED


def _check(exc: Exception, http: Http, num_failures: int) -> None:
    """Raise what trying again will not mend."""
    code = exc.rcvd.code if isinstance(exc, ConnectionClosed) and exc.rcvd else None
    if code == NOT_FOUND:
        raise NotFoundError("job not found") from exc
    if code == NOT_SIGNED_IN:
        raise TokenError(
            f"this token has ended: make one at {http.url}/settings/tokens/"
        ) from exc
    if num_failures >= http.num_tries:
        raise ServerDownError(
            f"{http.url} closes the live connection ({_reason(exc)}): is the server up, "
            "and does a proxy before it let WebSockets through?"
        ) from exc


def _reason(exc: Exception) -> str:
    if isinstance(exc, InvalidStatus):
        return f"status {exc.response.status_code}"
    if isinstance(exc, InvalidHandshake):
        return "no WebSocket there"
    return str(exc) or type(exc).__name__
