import collections
import contextlib
import http.client
import subprocess
import sys

import pytest

from dsportal.services.sockets import listen
from tests.running import wait_for

SERVER = """
import os, socket, sys, uvicorn
from dsportal.services.accepting import SharingServer

async def app(scope, receive, send):
    start = {"type": "http.response.start", "status": 200, "headers": []}
    await send(start)
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

config = uvicorn.Config(app, lifespan="off", log_level="warning")
SharingServer(config, socket.socket(fileno=int(sys.argv[1]))).run()
"""


@pytest.fixture
def servers():
    """Two processes on one socket, and its port."""
    with listen("127.0.0.1", 0) as listener, contextlib.ExitStack() as stack:
        number = listener.fileno()
        command = [sys.executable, "-c", SERVER, str(number)]
        running = [
            stack.enter_context(subprocess.Popen(command, pass_fds=[number]))
            for _ in range(2)
        ]
        try:
            yield running, listener.getsockname()[1]
        finally:
            for process in running:
                process.terminate()


def ask(connection):
    connection.request("GET", "/")
    return int(connection.getresponse().read())


def connect(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=20)


def ask_anew(port):
    with contextlib.closing(connect(port)) as connection:
        return ask(connection)


def test_connections_are_shared_evenly_and_by_who_is_left(servers):
    running, port = servers
    pids = {process.pid for process in running}
    wait_for(lambda: {ask_anew(port) for _ in range(10)} == pids, 20)

    with contextlib.ExitStack() as stack:
        kept = [
            stack.enter_context(contextlib.closing(connect(port))) for _ in "12345678"
        ]
        counts = collections.Counter(ask(connection) for connection in kept)
    running[0].terminate()
    running[0].wait(20)

    assert min(counts[pid] for pid in pids) >= 3
    assert {ask_anew(port) for _ in range(4)} == {running[1].pid}
