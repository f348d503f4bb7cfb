"""A light HTTP client: prepared bytes over plain sockets, from a process of its own.

python -m tests.bench.fire HOST PORT PATH FOLDER THREADS SECONDS [RATE] prints one JSON
object: requests a second, percentiles in ms, statuses.
"""

import json
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path


class Connection:
    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket = socket.create_connection(self._address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        self._socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(
            int(line.partition(b":")[2])
            for line in lines
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += self._more()
        return int(lines[0].split()[1]), body

    def _more(self) -> bytes:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("closed")
        return piece


def request_of(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: image/jpeg", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fire(
    host: str,
    port: int,
    requests: list[bytes],
    *,
    num_threads: int,
    seconds: float,
    rate: float = 0.0,
) -> dict[str, object]:
    """Ask in a closed loop, or at ``rate`` a second in all."""
    took: list[float] = []
    statuses: Counter[int] = Counter()
    until = time.monotonic() + seconds

    def work(number: int) -> None:
        connection = Connection(host, port)
        at = number
        due = time.monotonic() + (number / rate if rate else 0)
        while time.monotonic() < until:
            if rate:
                time.sleep(max(0.0, due - time.monotonic()))
            began = due if rate else time.monotonic()
            status, _ = connection.ask(requests[at % len(requests)])
            took.append(time.monotonic() - began)
            statuses[status] += 1
            at += num_threads
            due += num_threads / rate if rate else 0

    threads = [threading.Thread(target=work, args=(n,)) for n in range(num_threads)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - began
    took.sort()
    return {
        "per_s": len(took) / wall,
        "p50_ms": took[len(took) // 2] * 1000,
        "p99_ms": took[min(len(took) - 1, int(len(took) * 0.99))] * 1000,
        "statuses": dict(statuses),
    }


def main(arguments: list[str]) -> None:
    host, port, path, folder, threads, seconds, *rest = arguments
    *headers, rate = rest or ["0"]
    bodies = [each.read_bytes() for each in sorted(Path(folder).iterdir())]
    requests = [request_of(path, body, *headers) for body in bodies]
    answer = fire(
        host,
        int(port),
        requests,
        num_threads=int(threads),
        seconds=float(seconds),
        rate=float(rate),
    )
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
