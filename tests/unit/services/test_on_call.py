import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.running import wait_for

SERVER = """
import socket, sys
listener = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
while True:
    caller, _ = listener.accept()
    caller.recv(1000)
    caller.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere")
    caller.close()
"""


def test_the_first_call_wakes_the_server_and_is_answered(tmp_path: Path):
    script, answers = tmp_path / "server.py", []
    script.write_text(SERVER)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dsportal.services.on_call", str(port)]
    process = subprocess.Popen([*command, str(script)])

    def is_answered() -> bool:
        try:
            answers.append(httpx.get(f"http://127.0.0.1:{port}/", timeout=30).text)
        except httpx.ConnectError:  # not listening yet
            return False
        return True

    try:
        wait_for(is_answered, 60)
        assert answers == ["here"]
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
