"""A load generator light enough to share two cores with what it measures."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came back; ``latencies_s`` is sorted."""

    requests_per_s: float
    latencies_s: list[float]


def run(
    url: str, *, headers: dict[str, str], num_clients: int = 8, seconds: float = 8.0
) -> Load:
    """Ask for one address on connections kept open; every answer must be a 200."""
    return asyncio.run(_run(url, headers, num_clients, seconds))


async def _run(
    url: str, headers: dict[str, str], num_clients: int, seconds: float
) -> Load:
    parts = urlsplit(url)
    lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    started_at = time.monotonic()
    async with asyncio.TaskGroup() as group:
        clients = [
            group.create_task(_client(parts.netloc, request, started_at + seconds))
            for _ in range(num_clients)
        ]
    latencies_s = sorted(each for client in clients for each in client.result())
    took_s = time.monotonic() - started_at
    return Load(requests_per_s=len(latencies_s) / took_s, latencies_s=latencies_s)


async def _client(netloc: str, request: bytes, deadline: float) -> list[float]:
    host, _, port = netloc.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    latencies_s = []
    while (asked_at := time.monotonic()) < deadline:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        latencies_s.append(time.monotonic() - asked_at)
    writer.close()
    await writer.wait_closed()
    return latencies_s
