"""Checkpoints that are whole or absent: sharded, asynchronous, checksummed, kept K deep.

``dir/step-00000040/`` holds what torch.distributed.checkpoint wrote (model and optimizer,
resharded on load), one ``rank-00000.pt`` a rank (generators, exchange residuals),
``common.pt`` (data position, guard, scheduler) and ``manifest.json`` with size and sha256
of each file. It is written under a temporary name and renamed last: a folder without a
manifest does not exist.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save

from deepseek_optimizer.errors import CheckpointError, CheckpointMismatchError
from deepseek_optimizer.events import CheckpointFailed, CheckpointSaved, Event
from deepseek_optimizer.exchange.engine import merge_states
from deepseek_optimizer.spec import CheckpointConfig

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    path: Path
    step: int
    world_size: int
    parameters: dict[str, str]
    files: dict[str, tuple[int, str]]
    torch_version: str

    @classmethod
    def read(cls, path: Path) -> Manifest:
        raw = json.loads((path / MANIFEST).read_text())
        if raw.pop("format") != FORMAT:
            raise ValueError(f"{path} was written by another version of the trainer")
        return cls(path=path, **raw)

    def verify(self) -> None:
        """Raise CheckpointError where a file is missing or differs from its checksum."""
        for name, (size, digest) in self.files.items():
            file = self.path / name
            if not file.is_file():
                raise CheckpointError(f"{file} is missing")
            if file.stat().st_size != size or sha256(file) != digest:
                raise CheckpointError(f"{file} is damaged: its checksum differs")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a folder, newest first."""
    found = [p for p in folder.glob("step-*") if (p / MANIFEST).is_file()]
    return sorted(found, key=lambda p: p.name, reverse=True)


def signature(model: nn.Module) -> dict[str, str]:
    """Name, shape and type of each parameter: what another model would differ in."""
    return {n: f"{tuple(p.shape)} {p.dtype}" for n, p in model.named_parameters()}


@dataclass(slots=True)
class _Saving:
    """A checkpoint on its way to the disk."""

    step: int
    final: Path
    mine: dict[str, Any]
    common: dict[str, Any]
    parameters: dict[str, str]
    started: float
    blocked_s: float = 0.0

    @property
    def partial(self) -> Path:
        return self.final.with_suffix(".tmp")


class Checkpointer:
    """Saves and loads the state of all ranks; every method is called by all of them.

    Saving has a process group of its own, so that its collectives never meet the
    training's. The loop is held only while the state is copied to host memory.
    """

    def __init__(
        self, config: CheckpointConfig, report: Callable[[Event], None]
    ) -> None:
        self.config, self.report = config, report
        self.dir = Path(config.dir or ".").absolute()
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.group = dist.new_group(backend="gloo")
        self._thread: threading.Thread | None = None
        self._cost_s, self._saved_at = 0.0, time.monotonic()
        self._last_step: int | None = None
        try:
            self.dir.mkdir(parents=True, exist_ok=True)
            probe = self.dir / f".probe-{self.rank}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise CheckpointError(
                f"checkpoint folder {self.dir} cannot be written ({error.strerror}): "
                "choose another checkpoint.dir or mend its rights"
            ) from error
        if self.rank == 0:
            for left in self.dir.glob("step-*.tmp"):
                shutil.rmtree(left, ignore_errors=True)

    def interval_s(self) -> float:
        """Seconds between two checkpoints (CheckFreq's rule, Mohan et al., 2021).

        As often as the overhead bound allows, never later than configured.
        """
        if not self.config.adapt or self._cost_s == 0.0:
            return self.config.interval_s
        cheapest = self._cost_s / self.config.max_overhead_ratio
        return min(self.config.interval_s, max(1.0, cheapest))

    def is_due(self) -> bool:
        """Whether it is time to save; rank 0 alone asks for it."""
        if self.rank or (self._thread is not None and self._thread.is_alive()):
            return False
        return time.monotonic() - self._saved_at >= self.interval_s()

    def save(
        self,
        step: int,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        mine: Mapping[str, Any],
        common: Mapping[str, Any],
    ) -> None:
        """Copy the state and write it in the background.

        Args:
            step: Updates done.
            model: Wrapped or not; all ranks' shards are saved.
            optimizer: Of that model.
            mine: This rank's own state.
            common: State that all ranks share; rank 0's is written.
        """
        self.wait()
        if step == self._last_step:
            return
        self._last_step = step
        saving = _Saving(
            step,
            self.dir / f"step-{step:08d}",
            _to_cpu(dict(mine)),
            _to_cpu(dict(common)),
            signature(model),
            time.perf_counter(),
        )
        model_state, optimizer_state = get_state_dict(model, optimizer)
        writer = FileSystemWriter(saving.partial, single_file_per_rank=True)
        state = {"model": model_state, "optimizer": optimizer_state}
        future = async_save(state, storage_writer=writer, process_group=self.group)
        saving.blocked_s = time.perf_counter() - saving.started
        self._cost_s = max(0.5 * self._cost_s, saving.blocked_s)
        self._saved_at = time.monotonic()
        self._thread = threading.Thread(target=self._finish, args=(saving, future))
        self._thread.start()

    def _finish(self, saving: _Saving, future: Future[Any]) -> None:
        files: dict[str, tuple[int, str]] = {}
        failure = ""
        try:
            future.result()
            files = self._write_own(saving)
            self._copy_out(saving.partial, list(files))
        except Exception as error:  # noqa: BLE001 -- storage back ends raise anything
            failure = f"{type(error).__name__}: {error}"
        gathered: list[Any] = [None] * self.world_size
        try:
            dist.all_gather_object(gathered, (files, failure), group=self.group)
            failure = next((f for _, f in gathered if f), "")
            if self.rank == 0 and not failure:
                files = {n: f for part, _ in gathered for n, f in part.items()}
                self._commit(saving, files)
        except (RuntimeError, OSError) as error:
            failure = failure or f"{type(error).__name__}: {error}"
        if failure and self.rank == 0:
            shutil.rmtree(saving.partial, ignore_errors=True)
            reason = (
                f"{failure}; earlier checkpoints are untouched: free space or mend it"
            )
            self.report(CheckpointFailed(path=str(saving.final), reason=reason))

    def _write_own(self, saving: _Saving) -> dict[str, tuple[int, str]]:
        """Write this rank's small files; return size and checksum of all it wrote."""
        partial = saving.partial
        torch.save(saving.mine, partial / f"rank-{self.rank:05d}.pt")
        own = [partial / f"rank-{self.rank:05d}.pt", *partial.glob(f"__{self.rank}_*")]
        if self.rank == 0:
            torch.save(saving.common, partial / "common.pt")
            own += [partial / "common.pt", partial / ".metadata"]
        for file in own:
            _sync(file)
        return {file.name: (file.stat().st_size, sha256(file)) for file in own}

    def _commit(self, saving: _Saving, files: dict[str, tuple[int, str]]) -> None:
        partial, final = saving.partial, saving.final
        manifest = {
            "format": FORMAT,
            "step": saving.step,
            "world_size": self.world_size,
            "torch_version": torch.__version__,
            "parameters": saving.parameters,
            "files": files,
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1))
        _sync(partial / MANIFEST)
        _sync(partial)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        _sync(self.dir)
        if self.config.durable_url:
            self._upload(final / MANIFEST, f"{final.name}/{MANIFEST}")
        for old in list_checkpoints(self.dir)[self.config.keep_last :]:
            (old / MANIFEST).unlink()
            shutil.rmtree(old, ignore_errors=True)
        self.report(
            CheckpointSaved(
                step=saving.step,
                path=str(final),
                blocked_ms=1e3 * saving.blocked_s,
                total_ms=1e3 * (time.perf_counter() - saving.started),
                num_bytes=sum(size for size, _ in files.values()),
                durable=self.config.durable_url is not None,
            )
        )

    def _copy_out(self, partial: Path, names: list[str]) -> None:
        if self.config.durable_url:
            for name in names:
                self._upload(partial / name, f"{partial.stem}/{name}")

    def _upload(self, source: Path, name: str) -> None:
        store, root = fsspec.core.url_to_fs(self.config.durable_url)
        store.makedirs(f"{root}/{Path(name).parent}", exist_ok=True)
        store.put_file(str(source), f"{root}/{name}")

    def _fetch_durable(self) -> None:
        """Bring back what the local folder lacks, the newest durable checkpoint only."""
        if not self.config.durable_url or int(os.environ.get("LOCAL_RANK", "0")):
            return
        store, root = fsspec.core.url_to_fs(self.config.durable_url)
        found = sorted(store.glob(f"{root}/step-*/{MANIFEST}"))
        if not found:
            return
        folder = found[-1].rsplit("/", 1)[0]
        target = self.dir / folder.rsplit("/", 1)[1]
        newest = next(iter(list_checkpoints(self.dir)), None)
        if newest is None or newest.name < target.name:
            target.mkdir(exist_ok=True)
            names = [f for f in store.ls(folder, detail=False) if f != found[-1]]
            for name in [*names, found[-1]]:
                store.get_file(name, str(target / name.rsplit("/", 1)[1]))

    def wait(self) -> None:
        """Return once the checkpoint being written is on disk or has failed."""
        if self._thread is not None:
            self._thread.join()

    def candidates(self) -> Iterator[Manifest]:
        """Yield verified checkpoints, newest first, the same on every rank.

        A damaged one is renamed, reported and never tried again.
        """
        self.wait()
        self._fetch_durable()
        dist.barrier(group=self.group)
        paths = [list_checkpoints(self.dir) if self.rank == 0 else []]
        dist.broadcast_object_list(paths, src=0, group=self.group)
        for path in paths[0]:
            verdict: list[Manifest | str] = [""]
            if self.rank == 0:
                try:
                    found = Manifest.read(path)
                    found.verify()
                    verdict[0] = found
                except (OSError, ValueError, KeyError, TypeError) as error:
                    verdict[0] = str(error)
            dist.broadcast_object_list(verdict, src=0, group=self.group)
            if isinstance(manifest := verdict[0], Manifest):
                yield manifest
            elif self.rank == 0:
                path.rename(path.with_name(f"bad-{path.name}-{os.getpid()}"))
                self.report(CheckpointFailed(path=str(path), reason=str(verdict[0])))

    def load(
        self,
        manifest: Manifest,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Load a checkpoint in place and return (this rank's state, the common state).

        On another world size this rank's state holds only ``exchange``, merged so that
        the pending correction is the same.

        Raises:
            CheckpointMismatchError: It belongs to another model.
        """
        check_signature(manifest, signature(model))
        self._last_step = manifest.step
        model_state, optimizer_state = get_state_dict(model, optimizer)
        state: dict[str, Any] = {"model": model_state, "optimizer": optimizer_state}
        reader = FileSystemReader(manifest.path)
        load(state, storage_reader=reader, process_group=self.group)
        set_state_dict(
            model,
            optimizer,
            model_state_dict=state["model"],
            optim_state_dict=state["optimizer"],
        )
        common = torch.load(manifest.path / "common.pt", weights_only=True)
        if manifest.world_size == self.world_size:
            mine = _load_rank(manifest.path, self.rank)
        else:
            ranks = [_load_rank(manifest.path, r) for r in range(manifest.world_size)]
            mine = {}
            if all(rank["is_flat"] for rank in ranks):
                mine["exchange"] = merge_states([rank["exchange"] for rank in ranks])
        self._saved_at = time.monotonic()
        return mine, common


def check_signature(manifest: Manifest, names: Mapping[str, str]) -> None:
    saved = manifest.parameters
    for name in [*saved, *names]:
        if saved.get(name) != names.get(name):
            raise CheckpointMismatchError(
                f"{manifest.path} belongs to another model: {name!r} is "
                f"{saved.get(name, 'absent')} there and {names.get(name, 'absent')} "
                "here; give each model a checkpoint.dir of its own"
            )


def _load_rank(path: Path, rank: int) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path / f"rank-{rank:05d}.pt", weights_only=True)
    return state


def _to_cpu(value: Any) -> Any:
    """Copy nested plain data, tensors to host memory."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {name: _to_cpu(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_to_cpu(item) for item in value)
    return value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
