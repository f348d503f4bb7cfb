"""Listens in little memory, and becomes the server at the first call.

``python -m dsportal.services.on_call PORT COMMAND...`` runs Python with COMMAND and
``--fd N``, the socket that listens already: whoever called waits in its queue.
"""

import os
import select
import socket
import sys


def main() -> None:
    port, *command = sys.argv[1:]
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    select.select([listener], [], [])
    os.set_inheritable(listener.fileno(), True)  # noqa: FBT003 -- it has no name
    os.execv(  # noqa: S606 -- the command of our own table of processes
        sys.executable, [sys.executable, *command, "--fd", str(listener.fileno())]
    )


if __name__ == "__main__":
    main()
