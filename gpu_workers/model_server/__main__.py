"""`python -m model_server MODEL ...`: serve model directories until told to stop."""

import argparse
import errno
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from model_server import clouds
from model_server.app import App, Handler
from model_server.batching import BatchLimits
from model_server.errors import RequestError, ServingError
from model_server.metrics import Metrics
from model_server.protocol import check_name
from model_server.repository import ModelSource, Repository
from model_server.requests import RequestLimits
from model_server.runners import RunOptions
from model_server.web import GRACE_S, Door, serve

PARENT_CHECK_S = 0.5


def main(arguments: list[str]) -> int:
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s", level=logging.INFO)
    options = _parser().parse_args(arguments)
    try:
        sources = _sources(options)
        listener = (
            socket.socket(fileno=options.fd)
            if options.fd is not None
            else _listen(options.host, options.port)
        )
        if options.grpc_port is not None:
            _listen(options.host, options.grpc_port).close()  # refused here, and early
    except (RequestError, OSError) as error:
        print(f"model_server: {error}", file=sys.stderr)
        return 2
    metrics = Metrics()
    repository = Repository(
        options=RunOptions(
            precision=options.precision,
            num_threads=options.threads,
            device=options.device,
        ),
        limits=BatchLimits(
            num_workers=options.workers,
            max_batch=options.max_batch,
            delay_s=options.batch_delay_ms / 1000,
            max_waiting=options.max_waiting,
        ),
        metrics=metrics,
    )
    limits = RequestLimits(
        max_bytes=int(options.max_body_mb * 2**20),
        body_s=options.body_s,
        deadline_s=options.deadline_s,
    )
    app = App(
        repository,
        metrics=metrics,
        limits=limits,
        admin_token=os.environ.get("MODEL_SERVER_TOKEN", ""),
        routes=_vertex_routes(),
    )
    door = None
    if options.grpc_port is not None:
        at = (options.host, options.grpc_port)
        door = _grpc_door(repository, at, limits=limits, metrics=metrics)
        if door is None:
            return 2
    if route := os.environ.get("AIP_HEALTH_ROUTE"):
        app.also_ready_at(route)
    for source in sources:
        repository.expect(source)
    if options.parent is not None:
        threading.Thread(target=_end_with, args=(options.parent,), daemon=True).start()
    loading = (repository, sources, options.events)
    if options.fd is not None:  # callers wait in the socket's queue, unrefused
        _load(*loading)
    else:
        threading.Thread(target=_load, args=loading, daemon=True).start()
    serve(app, listener, headers_s=options.headers_s, door=door)
    repository.close()
    return 0


def _load(
    repository: Repository,
    sources: list[ModelSource],
    is_told: bool,  # noqa: FBT001 -- a thread's arguments are positional
) -> None:
    for source in sources:
        told = {"model": source.name, "version": source.version, "state": "ready"}
        try:
            repository.load(source)
        except ServingError as error:  # the others serve
            told |= {"state": "failed", "reason": str(error)}
        if is_told:
            print(json.dumps(told), flush=True)


def _end_with(parent: int) -> None:
    """A server whose keeper is gone would hold its port for ever.

    It answers what it has begun; to a caller, an exit would be a crash.
    """
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S + 5)
    os._exit(1)


def _grpc_door(
    repository: Repository,
    at: tuple[str, int],
    *,
    limits: RequestLimits,
    metrics: Metrics,
) -> Door | None:
    try:
        from model_server.grpc_door.door import GrpcDoor  # noqa: PLC0415 -- optional
    except ImportError:
        print(
            "model_server: --grpc-port needs two packages: pip install grpcio protobuf",
            file=sys.stderr,
        )
        return None
    return GrpcDoor(repository, at, limits=limits, metrics=metrics)


def _vertex_routes() -> dict[str, Handler]:
    route = os.environ.get("AIP_PREDICT_ROUTE")
    return {route: clouds.invoke} if route else {}


def _sources(options: argparse.Namespace) -> list[ModelSource]:
    sources = [_source(text) for text in options.models]
    if options.root:
        sources += [
            ModelSource(name=check_name(path.name), version="1", directory=path)
            for path in sorted(options.root.iterdir())
            if path.is_dir()
        ]
    if not sources:
        raise RequestError("name at least one model directory")
    if len({source.name for source in sources}) < len(sources):
        raise RequestError("two models have one name: give NAME=DIRECTORY")
    return sources


def _source(text: str) -> ModelSource:
    """`DIRECTORY`, `NAME=DIRECTORY` or `NAME:VERSION=DIRECTORY`."""
    label, is_named, path = text.rpartition("=")
    directory = Path(path)
    name, _, version = label.partition(":") if is_named else (directory.name, "", "")
    return ModelSource(
        name=check_name(name),
        version=check_name(version or "1"),
        directory=directory,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        what = error.strerror
        if error.errno == errno.EADDRINUSE:
            what = "another program uses it; choose another --port"
        raise OSError(f"cannot listen on {host}:{port}: {what}") from None
    listener.listen(1024)
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model_server", description=__doc__)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    add = parser.add_argument
    add("models", nargs="*", metavar="[NAME[:VERSION]=]DIRECTORY")
    add("--root", type=Path, help="serve every folder in this one")
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=int(os.environ.get("AIP_HTTP_PORT", "8080")))
    add("--grpc-port", type=int, help="the same protocol over gRPC (default: not)")
    add("--fd", type=int, help="an open listening socket, in place of --port")
    add("--parent", type=int, help="end when this process does")
    add("--events", action="store_true", help="a line of JSON for each model loaded")
    add("--precision", default="", help="default: int8 where there is one")
    add("--device", default="cpu", choices=["cpu", "cuda"])
    add("--threads", type=int, default=1, help="cores for one run")
    add("--workers", type=int, default=cores, help="runs at once (default: all cores)")
    add("--max-batch", type=int, default=0, help="default: 8; 1 for pictures on a CPU")
    add("--batch-delay-ms", type=float, default=0.0, help="wait for company this long")
    add("--max-waiting", type=int, default=256, help="then others get 503")
    add("--max-body-mb", type=float, default=32)
    add("--headers-s", type=float, default=10, help="for headers to arrive")
    add("--body-s", type=float, default=15, help="for a whole body to arrive")
    add("--deadline-s", type=float, default=30)
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
