"""A running portal, signed in to, for the benchmarks."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.running import ADMIN, Running


@contextmanager
def signed_in() -> Iterator[tuple[Running, httpx.Client]]:
    """Start a portal with its demo data; the client has a session and a token."""
    with tempfile.TemporaryDirectory(prefix="dsp-") as folder:
        running = Running(Path(folder) / "var", timeout_s=300)
        try:
            with httpx.Client(base_url=running.state.address, timeout=60) as client:
                _sign_in(client)
                _settle(running)
                yield running, client
        finally:
            running.end()


def _settle(running: Running, *, at_most_s: float = 90.0) -> None:
    """Wait for workers that still import and warm up: they answer nobody's request."""
    end, before = time.monotonic() + at_most_s, _busy_s(running)
    while time.monotonic() < end:
        time.sleep(2)
        now = _busy_s(running)
        if now - before < 0.2:
            return
        before = now


def _busy_s(running: Running) -> float:
    """Processor time that a portal's processes took so far, in seconds."""
    total = 0.0
    for process in running.processes():
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _sign_in(client: httpx.Client) -> None:
    client.get("/accounts/login/").raise_for_status()
    email, password = ADMIN
    form = {
        "login": email,
        "password": password,
        "csrfmiddlewaretoken": client.cookies["csrftoken"],
    }
    answer = client.post("/accounts/login/", data=form)
    assert answer.status_code == 302, answer.text
    made = client.post(
        "/api/v1/accounts/tokens/",
        json={"name": "bench", "scope": "write"},
        headers={"X-CSRFToken": client.cookies["csrftoken"]},
    )
    made.raise_for_status()
    client.headers["Authorization"] = f"Bearer {made.json()['secret']}"
