"""A web process of its own over the test database, for the client to talk to."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from django.db import connection

from apps.accounts.models import User
from apps.accounts.services import create_token
from apps.accounts.types import Scope
from dsportal.client import Client, cli, logins
from tests.running import free_port

ROOT = Path(__file__).resolve().parents[3]
Run = Callable[..., Result]


class Server:
    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        given, _, query = os.environ["DATABASE_URL"].partition("?")
        name = connection.settings_dict["NAME"]
        log = (self.folder / "web.log").open("ab")
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "uvicorn", "dsportal.asgi:application",
                "--lifespan", "off", "--no-access-log", "--port", str(self.port),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "dsportal.settings.dev",
                "DATABASE_URL": f"{given.rpartition('/')[0]}/{name}?{query}",
                "DSPORTAL_VAR": str(self.folder),
                "SECRET_KEY": secrets.token_hex(32),
                "PYTHONWARNINGS": "ignore",
            },
            stderr=log,
        )  # fmt: skip
        log.close()

    def wait(self) -> None:
        end = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{self.url}/healthz", timeout=5).raise_for_status()
            except httpx.HTTPError:
                assert time.monotonic() < end, (self.folder / "web.log").read_text()
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
        self._process = None


@pytest.fixture(scope="session")
def _server(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("portal"))
    yield running
    running.stop()


@pytest.fixture
def server(_server: Server, transactional_db: None, real_layer: None) -> Server:
    if _server._process is None:  # noqa: SLF001 -- a test may have stopped it
        _server.start()
        _server.wait()
    return _server


@pytest.fixture
def client_of(server: Server) -> Iterator[Callable[..., Client]]:
    made: list[Client] = []

    def make(user: User, scope: Scope = Scope.WRITE, *, num_tries: int = 3) -> Client:
        _token, secret = create_token(user=user, name="test", scope=scope)
        made.append(Client(server.url, secret, num_tries=num_tries))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("DSPORTAL_URL", raising=False)
    monkeypatch.delenv("DSPORTAL_TOKEN", raising=False)

    def invoke(*arguments: object, typed: str = "") -> Result:
        return CliRunner().invoke(cli.main, [str(one) for one in arguments], typed)

    return invoke


@pytest.fixture
def signed_in(run: Run, alice: User, server: Server) -> Run:
    _token, secret = create_token(user=alice, name="cli", scope=Scope.WRITE)
    logins.store(logins.Login(url=server.url, token=secret))
    return run
