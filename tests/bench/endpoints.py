"""An endpoint of a running portal, made by the API, for the benchmarks."""

import base64
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psutil

from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from tests.bench.fire import Connection, request_of
from tests.running import Running

MODEL = "deepseek_vision_v2"
API = "/api/v1/deployments/endpoints/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What callers need of it, and what a benchmark does to it."""

    id: int
    slug: str
    key: str
    host: str
    port: int
    client: httpx.Client

    @property
    def path(self) -> str:
        return f"/e/{self.slug}/predict"

    @property
    def header(self) -> str:
        return f"Authorization: Bearer {self.key}"

    def connect(self) -> Connection:
        return Connection(self.host, self.port)

    def request(self, picture: bytes) -> bytes:
        return request_of(self.path, picture, self.header)

    def state(self) -> dict[str, Any]:
        return _json(self.client.get(f"{API}{self.id}/"))

    def bring(self, model: str, rollout: str) -> None:
        body = {"model": model, "rollout": rollout}
        _json(self.client.post(f"{API}{self.id}/releases/", json=body))

    def ledger(self) -> list[dict[str, Any]]:
        found = _json(self.client.get(f"{API}{self.id}/ledger/"))
        return list(found["results"] if isinstance(found, dict) else found)

    def replicas(self) -> list[psutil.Process]:
        """Its processes, whichever version they serve."""
        return [
            each
            for each in psutil.process_iter(["cmdline"])
            if "model_server" in (each.info["cmdline"] or [])
            and any(part.startswith(f"{self.slug}:") for part in each.info["cmdline"])
        ]

    def delete(self) -> None:
        self.client.delete(f"{API}{self.id}/").raise_for_status()


def config() -> dict[str, Any]:
    """Of the shipped detector."""
    found: dict[str, Any] = json.loads((SHIPPED / MODEL / "config.json").read_bytes())
    return found


def publish(client: httpx.Client, name: str, **changes: object) -> str:
    """Publish the shipped detector with another configuration; returns its full name."""
    files = {
        "config.json": json.dumps(config() | changes).encode(),
        **{
            each: (SHIPPED / MODEL / each).read_bytes()
            for each in ("model.int8.onnx", "model.onnx", "prompts.safetensors")
        },
    }
    made = _json(client.post("/api/repos/create", json={"name": name}))
    full_name = "/".join(made["url"].split("/")[-2:])
    lines: list[object] = [{"key": "header", "value": {"summary": "As told"}}]
    lines += [
        {
            "key": "file",
            "value": {
                "path": path,
                "content": base64.b64encode(content).decode(),
                "encoding": "base64",
            },
        }
        for path, content in files.items()
    ]
    _json(
        client.post(
            f"/api/models/{full_name}/commit/main",
            content="\n".join(json.dumps(line) for line in lines),
            headers={"Content-Type": "application/x-ndjson"},
        )
    )
    return full_name


def create(running: Running, client: httpx.Client, **wanted: object) -> Endpoint:
    """Do what the button does; it answers soon after."""
    found = _json(client.get("/api/v1/accounts/workspaces/"))
    workspace = found["results"][0]["id"]
    body = {"workspace_id": workspace, "name": "bench", "model": MODEL, **wanted}
    made = _json(client.post(API, json=body))
    key = _json(client.post(f"{API}{made['id']}/keys/", json={"name": "bench"}))
    address = urlsplit(running.state.address)
    return Endpoint(
        id=made["id"],
        slug=made["slug"],
        key=key["key"],
        host=str(address.hostname),
        port=int(address.port or 80),
        client=client,
    )


def wait_live(endpoint: Endpoint, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while endpoint.state()["state"] != "live":
        assert time.monotonic() < deadline, endpoint.state()
        time.sleep(0.1)


def port_of(process: psutil.Process) -> int:
    """Where a replica listens on this host."""
    return next(
        each.laddr.port
        for each in process.net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    )


@contextmanager
def pictures(num: int) -> Iterator[list[bytes]]:
    with tempfile.TemporaryDirectory() as folder:
        write_production_line(Path(folder), num_images=num, seed=8)
        yield [
            each.read_bytes() for each in sorted((Path(folder) / "images").iterdir())
        ]


def boxes(body: bytes) -> object:
    return json.loads(body).get("detections")


def version(body: bytes) -> str:
    return str(json.loads(body)["version"])


def _json(reply: httpx.Response) -> Any:
    assert reply.is_success, reply.text
    return reply.json()
