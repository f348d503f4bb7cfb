"""The web server on a socket that the supervisor holds, so a restart drops no one."""

import gc
import socket
import sys
from importlib import import_module

import uvicorn

from dsportal.services.accepting import SharingServer
from model_server.patience import PatientProtocol


def main(listener_fd: int) -> None:
    config = uvicorn.Config(
        "dsportal.asgi:application",
        http=PatientProtocol,
        ws_per_message_deflate=False,  # events are short; a deflater weighs 60 KiB a socket
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    config.load()
    import_module("dsportal.urls")  # the first request need not import every view
    # A loop that is busy with sockets would keep the threads that read for it waiting.
    sys.setswitchinterval(0.0005)
    gc.collect()
    gc.freeze()  # nor each collection walk what stays as long as the process
    SharingServer(config, socket.socket(fileno=listener_fd)).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
