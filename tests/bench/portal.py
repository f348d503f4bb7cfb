"""A running portal, signed in to, for the benchmarks."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.running import ADMIN, Running


@contextmanager
def signed_in() -> Iterator[tuple[Running, httpx.Client]]:
    """Start a portal with its demo data; the client has a session and a token."""
    with tempfile.TemporaryDirectory(prefix="dsp-") as folder:
        running = Running(Path(folder) / "var", timeout_s=300)
        try:
            with httpx.Client(base_url=running.state.address, timeout=60) as client:
                _sign_in(client)
                yield running, client
        finally:
            running.end()


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
