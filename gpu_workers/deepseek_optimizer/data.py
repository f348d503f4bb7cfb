"""Which samples a rank trains on, and how they reach the device.

The order of the samples is one endless stream: epoch after epoch, each a permutation
fixed by (seed, epoch). The state of the data is how many samples were consumed, so any
number of ranks with any shares goes on with exactly the next sample.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.random import mtrand
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from deepseek_optimizer.errors import DatasetError

PREFETCH = 2
_SPARE = np.random.MT19937()


class MapDataset(Protocol):
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


Collate = Callable[[list[Any]], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPosition:
    """Where in the stream a run stands.

    Attributes:
        consumed: Samples trained on since the start, over all ranks and epochs.
        reshuffles: (consumed, salt) of each point from which the rest of that epoch
            was put in another order, after a rollback.
    """

    seed: int
    consumed: int = 0
    reshuffles: tuple[tuple[int, int], ...] = ()

    def advanced(self, num_samples: int) -> DataPosition:
        return replace(self, consumed=self.consumed + num_samples)

    def reshuffled(self, salt: int) -> DataPosition:
        return replace(self, reshuffles=(*self.reshuffles, (self.consumed, salt)))


class SampleOrder:
    """The stream of dataset indices."""

    def __init__(self, num_samples: int, position: DataPosition) -> None:
        if num_samples < 1:
            raise DatasetError("the dataset is empty: give at least one sample")
        self.num_samples = num_samples
        self.position = position
        self._epochs: dict[int, Tensor] = {}

    def indices(self, start: int, count: int) -> list[int]:
        """Return `count` dataset indices from position `start` of the stream."""
        found: list[int] = []
        while len(found) < count:
            epoch, offset = divmod(start + len(found), self.num_samples)
            part = self._epoch(epoch)[offset : offset + count - len(found)]
            found += part.tolist()
        return found

    def move_to(self, position: DataPosition) -> None:
        """Go on from another position, whose orders may differ."""
        self.position = position
        self._epochs.clear()

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            for old in [e for e in self._epochs if e < epoch - 1]:
                del self._epochs[old]
            order = torch.randperm(self.num_samples, generator=self._generator(epoch))
            for at, salt in self.position.reshuffles:
                if at // self.num_samples == epoch:
                    rest = order[at % self.num_samples :]
                    mixed = torch.randperm(
                        len(rest), generator=self._generator(epoch, salt)
                    )
                    order[at % self.num_samples :] = rest[mixed]
            self._epochs[epoch] = order
        return self._epochs[epoch]

    def _generator(self, epoch: int, salt: int = 0) -> torch.Generator:
        seed = mix_seed(self.position.seed, epoch, salt)
        return torch.Generator().manual_seed(seed)


def mix_seed(*parts: int) -> int:
    """Fold whole numbers into a 63-bit seed (splitmix64's finaliser)."""
    value = 0
    for part in parts:
        value = (value ^ part) + 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        value = (value ^ value >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 1


def rng_state() -> dict[str, Any]:
    """Every generator that user code draws from, as plain values and tensors."""
    kind, keys, *rest = np.random.get_state()
    state = {
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_rng_state(state: Mapping[str, Any]) -> None:
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from generators fixed by `seed`, then put the callers' back."""
    python, numpy = random.getstate(), mtrand.get_bit_generator()
    torch_cpu = torch.get_rng_state()
    random.seed(seed)
    # Exchanged, not saved: numpy's state takes longer to copy than a small step.
    mtrand.set_bit_generator(_SPARE)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(python)
        mtrand.set_bit_generator(numpy)
        torch.set_rng_state(torch_cpu)


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Samples of one forward pass; `bad_items` are (index, reason) that were replaced."""

    batch: Any
    num_samples: int
    bad_items: tuple[tuple[int, str], ...] = ()

    def pin_memory(self) -> MicroBatch:
        return replace(self, batch=map_tensors(self.batch, Tensor.pin_memory))


@dataclass(frozen=True, slots=True)
class _Request:
    seed: int
    indices: tuple[int, ...]


class _Fetcher(Dataset[MicroBatch]):
    """Reads a request's samples; what it draws depends on the request alone."""

    def __init__(self, dataset: MapDataset, collate: Collate, max_bad: int) -> None:
        self.dataset, self.collate, self.max_bad = dataset, collate, max_bad

    def __getitem__(self, request: _Request) -> MicroBatch:
        bad: list[tuple[int, str]] = []
        with seeded(request.seed):
            items = [self._read(index, bad) for index in request.indices]
            return MicroBatch(self.collate(items), len(items), tuple(bad))

    def _read(self, index: int, bad: list[tuple[int, str]]) -> Any:
        for attempt in range(self.max_bad + 1):
            at = (index + attempt) % len(self.dataset)
            try:
                return self.dataset[at]
            except Exception as error:  # noqa: BLE001 -- a dataset may raise anything
                bad.append((at, f"{type(error).__name__}: {error}"))
        at, reason = bad[-1]
        raise DatasetError(
            f"dataset item {at} cannot be read ({reason}); mend it, or let some be "
            f"replaced with guard.max_bad_items (now {self.max_bad})"
        )


class Feed:
    """The batches of one rank.

    `shares` holds (first step, samples of each rank); a change takes effect `lead`
    steps later, because loaders have read ahead by then.
    """

    def __init__(
        self,
        fetcher: _Fetcher,
        order: SampleOrder,
        *,
        rank: int,
        micro_batch_size: int | None,
        num_workers: int = 0,
    ) -> None:
        self.order, self.rank = order, rank
        self.micro_batch_size = micro_batch_size
        self.lead = PREFETCH * (num_workers + 1)
        self.shares: list[tuple[int, tuple[int, ...]]] = []
        self._fetcher, self._start_step = fetcher, 0
        self._loader: DataLoader[MicroBatch] | None = None
        if num_workers:
            self._loader = DataLoader(
                fetcher,
                batch_size=None,
                sampler=_Requests(self),
                num_workers=num_workers,
                prefetch_factor=PREFETCH,
                pin_memory=torch.cuda.is_available(),
                # Its own, or each new pass would draw from the one that dropout uses.
                generator=torch.Generator(),
            )

    def shares_at(self, step: int) -> tuple[int, ...]:
        return next(s for first, s in reversed(self.shares) if first <= step)

    def set_shares(self, shares: tuple[int, ...], *, from_step: int) -> None:
        self.shares = [*self.shares[-4:], (from_step, shares)]

    def from_step(self, step: int) -> Iterator[list[MicroBatch]]:
        """Yield the micro-batches of step after step, from the order's position."""
        self._start_step = step
        stream = self._read_here() if self._loader is None else iter(self._loader)
        while True:
            count = len(self.split(step))
            yield [next(stream) for _ in range(count)]
            step += 1

    def _read_here(self) -> Iterator[MicroBatch]:
        """Read without a loader's processes, and without what it costs each batch."""
        pins = torch.cuda.is_available()
        for request in self.requests():
            micro = self._fetcher[request]
            yield micro.pin_memory() if pins else micro

    def split(self, step: int) -> list[tuple[int, int]]:
        """(offset in the global batch, samples) of each micro-batch of this rank."""
        shares = self.shares_at(step)
        start, mine = sum(shares[: self.rank]), shares[self.rank]
        size = self.micro_batch_size or mine
        return [
            (start + done, min(size, mine - done)) for done in range(0, mine, size or 1)
        ]

    def requests(self) -> Iterator[_Request]:
        step, consumed = self._start_step, self.order.position.consumed
        seed = self.order.position.seed
        while True:
            for offset, count in self.split(step):
                at = consumed + offset
                indices = tuple(self.order.indices(at, count))
                yield _Request(mix_seed(seed, at, 1), indices)
            consumed += sum(self.shares_at(step))
            step += 1


class _Requests:
    """A sampler that asks the feed, so that each pass sees its newest state."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed

    def __iter__(self) -> Iterator[_Request]:
        return self.feed.requests()


def make_fetcher(
    dataset: MapDataset, collate: Collate | None, max_bad_items: int
) -> _Fetcher:
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise DatasetError(
            f"{type(dataset).__name__} has no length or no items: the exact position "
            "needs a dataset with __len__ and __getitem__ (wrap a stream in a list)"
        )
    return _Fetcher(dataset, collate or default_collate, max_bad_items)


def equal_shares(global_batch_size: int, world_size: int) -> tuple[int, ...]:
    base, rest = divmod(global_batch_size, world_size)
    return tuple(base + (rank < rest) for rank in range(world_size))


def map_tensors(batch: Any, function: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor of nested lists, tuples and mappings."""
    if isinstance(batch, Tensor):
        return function(batch)
    if isinstance(batch, Mapping):
        return {name: map_tensors(value, function) for name, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(map_tensors(value, function) for value in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(map_tensors(value, function) for value in batch)
    return batch


class DecodeCache(Dataset[Any]):
    """Keeps decoded items in memory up to a limit, so that later epochs skip decoding."""

    def __init__(self, dataset: MapDataset, *, max_bytes: int) -> None:
        self.dataset, self.free_bytes = dataset, max_bytes
        self._items: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        if index in self._items:
            return self._items[index]
        item = self.dataset[index]
        size = sum(_tensor_bytes(item))
        if size <= self.free_bytes:
            self.free_bytes -= size
            self._items[index] = item
        return item


def _tensor_bytes(item: Any) -> Iterator[int]:
    if isinstance(item, (Tensor, np.ndarray)):
        yield item.nbytes
    elif isinstance(item, (list, tuple, Mapping)):
        for part in item.values() if isinstance(item, Mapping) else item:
            yield from _tensor_bytes(part)


class DevicePipeline:
    """Moves batches to the device one step ahead, on a stream of its own on CUDA."""

    def __init__(
        self,
        steps: Iterator[list[MicroBatch]],
        device: torch.device,
        *,
        augment: Callable[[Any], Any] | None = None,
        channels_last: bool = False,
    ) -> None:
        self.steps, self.device, self.augment = steps, device, augment
        self.channels_last = channels_last
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._ahead: list[MicroBatch] | None = None

    def next(self) -> list[MicroBatch]:
        """Return the next step's batches, ready on the current stream."""
        ready = self._ahead if self._ahead is not None else self._fetch()
        self._ahead = None
        if self._stream is not None:
            current = torch.cuda.current_stream(self.device)
            current.wait_stream(self._stream)
            map_tensors([micro.batch for micro in ready], lambda x: _record(x, current))
        return ready

    def read_ahead(self) -> None:
        """Start the following step's transfer; on the CPU there is nothing to gain."""
        if self._stream is not None:
            self._ahead = self._fetch()

    def _fetch(self) -> list[MicroBatch]:
        aside = torch.cuda.stream(self._stream) if self._stream else nullcontext()
        with aside:
            return [self._move(micro) for micro in next(self.steps)]

    def _move(self, micro: MicroBatch) -> MicroBatch:
        if self._stream is None and self.augment is None and not self.channels_last:
            return micro
        batch = map_tensors(micro.batch, self._move_tensor)
        return replace(micro, batch=self.augment(batch) if self.augment else batch)

    def _move_tensor(self, x: Tensor) -> Tensor:
        if self.channels_last and x.ndim == 4:
            return x.to(
                self.device, non_blocking=True, memory_format=torch.channels_last
            )
        return x.to(self.device, non_blocking=True)


def _record(x: Tensor, stream: torch.cuda.Stream) -> Tensor:
    x.record_stream(stream)
    return x
