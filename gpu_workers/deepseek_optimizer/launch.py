"""Worker processes on this host, started and restarted through torch elastic."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from deepseek_optimizer import errors
from deepseek_optimizer.errors import NotPicklableError, WorkersFailedError
from deepseek_optimizer.events import Event, from_wire
from deepseek_optimizer.spec import TrainConfig

PAYLOAD, RESULT, EVENTS = "payload.pt", "result.json", "events.jsonl"
MODEL = "model.pt"


def num_local_processes(config: TrainConfig) -> int:
    if config.parallel.procs_per_node is not None:
        return config.parallel.procs_per_node
    return max(1, torch.cuda.device_count()) if config.device != "cpu" else 1


def launch(
    run_dir: Path, config: TrainConfig, sinks: list[Callable[[Event, str], None]]
) -> dict[str, Any]:
    """Run the workers of a prepared folder to their end and return their result.

    Raises:
        WorkersFailedError: They failed more often than ``failure.max_restarts``.
        ConfigError, DatasetError, ...: What a worker raised that no restart can mend.
    """
    (run_dir / RESULT).unlink(missing_ok=True)
    command = (sys.executable, "-u", "-m", "deepseek_optimizer.worker", str(run_dir))
    with _environment(config), _follow(run_dir / EVENTS, sinks):
        try:
            elastic_launch(_launch_config(config), command[0])(*command[1:])
        except ChildFailedError as error:
            _raise_fatal(run_dir)
            _, failure = error.get_first_failure()
            raise WorkersFailedError(
                f"workers failed {config.failure.max_restarts + 1} times; the last: "
                f"{_reason(failure.message)}"
            ) from error
    _raise_fatal(run_dir)
    result: dict[str, Any] = json.loads((run_dir / RESULT).read_text())
    return result


def _launch_config(config: TrainConfig) -> LaunchConfig:
    options: dict[str, Any] = {
        "min_nodes": 1,
        "max_nodes": 1,
        "nproc_per_node": num_local_processes(config),
        "run_id": uuid.uuid4().hex,
        "rdzv_backend": "c10d",
        "rdzv_endpoint": "localhost:0",
        "local_addr": "localhost",
        "max_restarts": config.failure.max_restarts,
        "monitor_interval": 0.1,
        "shutdown_timeout": int(config.failure.grace_s),
    }
    known = {f.name for f in fields(LaunchConfig)}
    return LaunchConfig(**{k: v for k, v in options.items() if k in known})


@contextmanager
def _environment(config: TrainConfig) -> Iterator[None]:
    """Set what the workers inherit; this process gets its own back."""
    threads = max(1, (os.cpu_count() or 1) // num_local_processes(config))
    wanted = {
        # Restarted ranks must not read dead ranks' addresses in the agent's store.
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _follow(path: Path, sinks: list[Callable[[Event, str], None]]) -> Iterator[None]:
    """Hand every new line of the workers' event log to the sinks, in order."""
    done = threading.Event()
    start = path.stat().st_size if path.exists() else 0

    def follow() -> None:
        offset = start
        while True:
            is_last = done.is_set()
            if path.exists():
                with path.open("rb") as file:
                    file.seek(offset)
                    data = file.read()
                whole = data[: data.rfind(b"\n") + 1]
                offset += len(whole)
                for line in whole.decode().splitlines(keepends=True):
                    event = from_wire(json.loads(line))
                    for sink in sinks:
                        sink(event, line)
            if is_last:
                return
            time.sleep(0.05)

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(10.0)


def _raise_fatal(run_dir: Path) -> None:
    path = run_dir / RESULT
    result = json.loads(path.read_text()) if path.exists() else {}
    if name := result.get("error"):
        own = getattr(errors, name, None)
        raise (
            own(result["reason"])
            if own
            else WorkersFailedError(f"{name}: {result['reason']}")
        )


def _reason(message: str | Mapping[str, Any]) -> str:
    text = message["message"] if isinstance(message, Mapping) else message
    return str(text).strip().splitlines()[-1] if text else "no message"


def write_payload(run_dir: Path, payload: Mapping[str, Any]) -> None:
    """Store what the workers need; read back by the same user's workers only.

    Raises:
        NotPicklableError: A part cannot be sent to another process.
    """
    for name, value in payload.items():
        try:
            pickle.dumps(value)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise NotPicklableError(
                f"{name} cannot be sent to worker processes ({error}): define it at "
                "the top of a module (no lambda, no nested function), or start the "
                "script with torchrun, which builds it in each process"
            ) from error
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    has_script = path is not None and getattr(main, "__spec__", None) is None
    script = {"path": path if has_script else None, "argv": sys.argv}
    (run_dir / "main.json").write_text(json.dumps(script))
    torch.save(dict(payload), run_dir / PAYLOAD)


def private_run_dir() -> Path:
    return Path(tempfile.mkdtemp(prefix="deepseek-optimizer-"))
