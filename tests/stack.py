"""The whole portal as real processes on a database of its own; for e2e and faults."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import sql

from tests.running import free_port

ROOT = Path(__file__).resolve().parents[1]
CLICK_MODEL = ROOT / "gpu_workers/deepseek_vision/segmentation/weights/click_small"
EMAIL, PASSWORD = "admin@example.com", "correct horse battery staple"


@dataclass(slots=True)
class Stack:
    """A running portal.

    Attributes:
        url: Where the web process answers, without a slash at its end.
        env: What its processes were started with.
        spans: What they told a collector, where one is given.
    """

    url: str
    env: dict[str, str]
    folder: Path
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    spans: list[dict[str, Any]] = field(default_factory=list)

    def python(self, code: str) -> object:
        """Run code inside Django; it prints JSON last."""
        return json.loads(self._tell(code).strip().splitlines()[-1])

    def manage(self, *arguments: str) -> None:
        command = "from django.core.management import call_command as call"
        self._tell(f"{command}\ncall(*{arguments!r})")

    def _tell(self, code: str) -> str:
        if "shell" not in self.processes:
            self.start("shell")
        shell = self.processes["shell"]
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{json.dumps(code)}\n".encode())
        shell.stdin.flush()
        answer = shell.stdout.readline()
        assert answer, (self.folder / "shell.log").read_text()[-3000:]
        printed, failed = json.loads(answer)
        assert not failed, failed[-3000:]
        return str(printed)

    def start(self, name: str) -> None:
        commands = {
            "shell": ["tests.shell"],
            "web": [
                "uvicorn", "dsportal.asgi:application", "--lifespan", "off",
                "--no-access-log", "--port", self.url.rpartition(":")[2],
            ],
            "worker": [
                "celery", "-A", "dsportal", "worker", "-Q", "cpu,gpu,io", "-c", "1",
                "--without-gossip", "--without-mingle", "-l", "warning",
            ],
            "replicas": ["django", "keep_replicas"],
            "clicks": [
                "model_server", f"clicks={CLICK_MODEL}", "--workers", "1",
                "--port", self.env["CLICK_SERVER_URL"].rpartition(":")[2],
            ],
        }  # fmt: skip
        role = {"DSPORTAL_ROLE": "web"} if name == "web" else {}
        log = (self.folder / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", *commands[name]],
            cwd=ROOT,
            env={**self.env, **role},
            stdin=subprocess.PIPE if name == "shell" else subprocess.DEVNULL,
            stdout=subprocess.PIPE if name == "shell" else log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal the whole group of a part, and wait until its first process is gone."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        process.wait(60)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def wait_ready(self, *, timeout_s: float = 300) -> None:
        end = time.monotonic() + timeout_s
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz", timeout=10).is_success:
                    return
            assert time.monotonic() < end, (self.folder / "web.log").read_text()[-3000:]
            time.sleep(0.1)


@contextmanager
def running_stack(
    folder: Path,
    *,
    num_images: int,
    parts: Sequence[str] = ("web", "worker"),
    **settings: str,
) -> Iterator[Stack]:
    """Start a portal with demo data; needs DATABASE_URL and REDIS_URL of real servers.

    ``settings`` are environment variables that differ from this process's.
    """
    with new_database() as database_url:
        port, click_port = free_port(), free_port()
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "dsportal.settings.dev",
            "DATABASE_URL": database_url,
            "DSPORTAL_VAR": str(folder),
            "SECRET_KEY": secrets.token_hex(32),
            "DSPORTAL_ADMIN_EMAIL": EMAIL,
            "DSPORTAL_ADMIN_PASSWORD": PASSWORD,
            "PYTHONWARNINGS": "ignore",
            "RUN_CHECKPOINT_EVERY_S": "1",
            "RUN_CPUS": "1",
            "CLICK_SERVER_URL": f"http://127.0.0.1:{click_port}",
            **settings,
        }
        stack = Stack(url=f"http://127.0.0.1:{port}", env=env, folder=folder)
        try:
            stack.manage("migrate", "-v0")
            stack.manage("collectstatic", "--noinput", "-v0")
            stack.manage("seed_demo", "--images", str(num_images))
            for part in parts:
                stack.start(part)
            stack.wait_ready()
            yield stack
        finally:
            for part in list(stack.processes):
                stack.kill(part, signal.SIGTERM)


@contextmanager
def new_database() -> Iterator[str]:
    """The address of an empty one, which goes afterwards."""
    name = f"stack_{secrets.token_hex(4)}"
    server = os.environ["DATABASE_URL"]
    address, _, query = server.partition("?")
    url = f"{address.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield url
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            drop = "DROP DATABASE {} WITH (FORCE)"
            connection.execute(sql.SQL(drop).format(sql.Identifier(name)))
