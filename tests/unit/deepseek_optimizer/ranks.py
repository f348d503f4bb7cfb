"""Real process groups for tests: a function runs as every rank of a Gloo world."""

import multiprocessing
import os
import pickle
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["deepseek_optimizer.trainer"])
# The server forks ranks with torch imported once: 10 ms a rank, not 5 s.
TIMEOUT_S = 240


def run_ranks(
    function: Callable[..., Any], world_size: int, *args: Any, **env: str
) -> list[Any]:
    """Call function(*args) on every rank of a new world; return the ranks' answers."""
    with tempfile.TemporaryDirectory() as folder:
        pipes, ranks = [], []
        for rank in range(world_size):
            ours, theirs = CONTEXT.Pipe(duplex=False)
            rank_args = (theirs, folder, rank, world_size, env, function, args)
            process = CONTEXT.Process(target=_be_rank, args=rank_args, daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            ranks.append(process)
        answers = [_answer(pipe) for pipe in pipes]
        for process in ranks:
            process.join(TIMEOUT_S)
    failures = [text for is_good, text in answers if not is_good]
    if failures:
        raise AssertionError("\n".join(failures))
    return [value for _, value in answers]


def _answer(pipe: Connection) -> tuple[bool, Any]:
    if not pipe.poll(TIMEOUT_S):
        return False, "a rank gave no answer"
    try:
        return pickle.loads(pipe.recv_bytes())  # noqa: S301 -- our own rank
    except EOFError:
        return False, "a rank died"


def _be_rank(
    pipe: Connection,
    folder: str,
    rank: int,
    world_size: int,
    env: dict[str, str],
    function: Callable[..., Any],
    args: tuple[Any, ...],
) -> None:
    os.environ.update(env, GLOO_SOCKET_IFNAME="lo")
    torch.set_num_threads(1)
    store = dist.FileStore(str(Path(folder) / "store"), world_size)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
    try:
        answer = (True, function(*args))
    except BaseException:  # noqa: BLE001 -- reported to the test
        answer = (False, f"rank {rank}:\n{traceback.format_exc()}")
    # As bytes: tensors sent otherwise live in this process, which ends here, at once,
    # because peers may be gone and a group's destructor would wait for them.
    pipe.send_bytes(pickle.dumps(answer))
    os._exit(0)
