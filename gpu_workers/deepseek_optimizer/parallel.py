"""From environment and configuration to process groups and a wrapped model."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import HashStore, PrefixStore, TCPStore
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.nn.parallel import DistributedDataParallel

from deepseek_optimizer.errors import ConfigError
from deepseek_optimizer.exchange.engine import Exchange, Links, ddp_hook
from deepseek_optimizer.exchange.fsdp import CodedReduceScatter, ReplicateHook
from deepseek_optimizer.exchange.reducers import BITS, Skips
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.regions import recompute_activations, repeated_blocks
from deepseek_optimizer.spec import TrainConfig

# The first name is deprecated from torch 2.13 on.
NO_BUFFER_SYNC = (
    "forward_sync_buffers"
    if "forward_sync_buffers" in inspect.signature(DistributedDataParallel).parameters
    else "broadcast_buffers"
)
Loss = Callable[[nn.Module, Any], Tensor]


def is_worker() -> bool:
    """Whether this process was started by torchrun (or as it would)."""
    return all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR"))


def pick_device(config: TrainConfig) -> torch.device:
    if config.device == "cpu" or not torch.cuda.is_available():
        if config.device == "cuda":
            raise ConfigError("device 'cuda' asked for, but no CUDA device is visible")
        return torch.device("cpu")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


@contextmanager
def process_group(config: TrainConfig, device: torch.device) -> Iterator[None]:
    """Join the group that the environment names; alone, be a group of one.

    torchrun's agent may lend its store to every attempt: restarted ranks would then read
    the addresses of dead ones, so each attempt gets a prefix of its own.
    """
    if dist.is_initialized():
        yield
        return
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    timeout = timedelta(seconds=config.failure.collective_timeout_s)
    if not is_worker():
        store = HashStore()
        dist.init_process_group(backend, store=store, rank=0, world_size=1)
    elif os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        shared = TCPStore(host, port, is_master=False, timeout=timeout)
        dist.init_process_group(
            backend,
            store=PrefixStore(f"attempt-{attempt}", shared),
            rank=int(os.environ["RANK"]),
            world_size=int(os.environ["WORLD_SIZE"]),
            timeout=timeout,
        )
    else:
        dist.init_process_group(backend, timeout=timeout)
    try:
        yield
    finally:
        dist.destroy_process_group()


def make_links(config: TrainConfig, device: torch.device) -> Links:
    """Flat, or (inside a host, across hosts) where several hosts have several ranks."""
    world = dist.get_world_size()
    flat = Wire(dist.new_group())
    local = _ranks_per_host(config, world)
    if world % local:
        raise ConfigError(f"{world} ranks are not whole hosts of {local} ranks")
    has_levels = 1 < local < world
    is_wanted = config.parallel.strategy == "hybrid" or (
        config.parallel.hierarchical != "off"
        and config.gradient_compression.kind != "powersgd"
    )
    if config.parallel.hierarchical == "on" and not has_levels:
        raise ConfigError(
            f"parallel.hierarchical 'on' needs several hosts of several ranks; there "
            f"are {world} ranks, {local} on a host (parallel.ranks_per_host)"
        )
    if not (has_levels and is_wanted):
        return Links(world=flat)
    mesh = init_device_mesh(
        device.type, (world // local, local), mesh_dim_names=("outer", "inner")
    )
    return Links(
        world=flat,
        inner=Wire(mesh.get_group("inner")),
        outer=Wire(mesh.get_group("outer")),
    )


def _ranks_per_host(config: TrainConfig, world: int) -> int:
    return config.parallel.ranks_per_host or int(
        os.environ.get("LOCAL_WORLD_SIZE", world)
    )


def bucket_mib(config: TrainConfig, device: torch.device, world: int) -> float:
    """Return the size of a DDP bucket: large where GPUs of one host send full precision.

    There few large exchanges scale better (docs/benchmarks-trainer.md); a slow link or
    a codec is hidden better behind many small ones.
    """
    if config.parallel.bucket_mib is not None:
        return config.parallel.bucket_mib
    is_near = device.type == "cuda" and _ranks_per_host(config, world) == world
    is_plain = config.gradient_compression.kind in {"none", "auto"}
    return 100.0 if is_near and is_plain else 8.0


class Step(nn.Module):
    """A model together with its loss: what is wrapped, called and differentiated."""

    def __init__(self, model: nn.Module, loss: Loss | None) -> None:
        super().__init__()
        self.model = model
        self.loss = loss or loss_of_model

    def forward(self, batch: Any) -> Tensor:
        if batch is None:
            params = [p for p in self.model.parameters() if p.requires_grad]
            return torch.stack([p.sum() for p in params]).sum() * 0.0
        loss: Tensor = self.loss(self.model, batch)
        return loss


def loss_of_model(model: nn.Module, batch: Any) -> Tensor:
    """Call the model on a batch and find the loss in what it returns."""
    if isinstance(batch, dict):
        output = model(**batch)
    elif isinstance(batch, (list, tuple)):
        output = model(*batch)
    else:
        output = model(batch)
    if not isinstance(output, Tensor):
        output = output["loss"] if isinstance(output, dict) else output.loss
    if output.ndim:
        raise ConfigError(
            f"the model returned shape {tuple(output.shape)}, not a loss: give "
            "loss=lambda model, batch: ... to train()"
        )
    loss: Tensor = output
    return loss


@dataclass(slots=True)
class Replica:
    """A model ready to train: call `step`, read `module`."""

    module: nn.Module
    step: nn.Module
    exchange: Exchange
    coded: list[CodedReduceScatter]

    def settle(self, skips: Skips) -> None:
        """Keep what the step's exchange left behind, or forget it where it is skipped."""
        self.exchange.settle(skips)
        for comm in self.coded:
            comm.memory.settle(skips)

    @property
    def bytes_sent(self) -> int:
        sent = self.exchange.bytes_sent
        if self.coded:
            sent += sum({id(c.wire): c.wire.bytes_sent for c in self.coded}.values())
        return sent

    @contextmanager
    def accumulating(self, *, is_last: bool) -> Iterator[None]:
        """Inside, gradients stay local unless this is the step's last micro-batch."""
        if isinstance(self.module, FSDPModule):
            self.module.set_requires_gradient_sync(is_last)
            yield
        elif isinstance(self.step, DistributedDataParallel) and not is_last:
            with self.step.no_sync():
                yield
        else:
            yield


def wrap(
    model: nn.Module, loss: Loss | None, config: TrainConfig, device: torch.device
) -> Replica:
    """Place, shard or replicate a model as configured."""
    model.to(device)
    if config.channels_last and config.parallel.strategy == "ddp":
        # FSDP2 shards contiguous weights alone; convolutions follow their input there.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # -- torch has it
    if config.activation_checkpointing:
        recompute_activations(model)
    links = make_links(config, device)
    exchange = Exchange(links, config.gradient_compression)
    if config.parallel.strategy != "ddp":
        coded = _shard(model, config, links, exchange)
        return Replica(model, Step(model, loss), exchange, coded)
    step: nn.Module = Step(model, loss)
    if links.world.world_size > 1:
        step = _replicate(step, config, device, exchange)
    return Replica(model, step, exchange, [])


def _replicate(
    step: nn.Module, config: TrainConfig, device: torch.device, exchange: Exchange
) -> DistributedDataParallel:
    no_buffer_sync: dict[str, Any] = {NO_BUFFER_SYNC: False}
    ddp = DistributedDataParallel(
        step,
        device_ids=[device.index] if device.type == "cuda" else None,
        bucket_cap_mb=bucket_mib(config, device, dist.get_world_size()),
        **no_buffer_sync,
        gradient_as_bucket_view=True,
        find_unused_parameters=config.parallel.find_unused_parameters,
    )
    ddp.register_comm_hook(exchange, ddp_hook)
    if not config.parallel.find_unused_parameters:
        # DDP lays out its buckets anew after the first backward pass. Done here, on a
        # loss of zero, the layout is the same in a fresh and in a resumed run, and with
        # it the residuals and the order of every sum.
        for _ in range(2):
            with exchange.muted():
                ddp(None).backward()
        ddp.zero_grad()
    return ddp


def _shard(
    model: nn.Module, config: TrainConfig, links: Links, exchange: Exchange
) -> list[CodedReduceScatter]:
    kind = config.gradient_compression.kind
    inner = links.inner or links.world
    device = next(model.parameters()).device.type
    if links.inner and config.parallel.strategy == "hybrid":
        local = links.inner.world_size
        shape = (dist.get_world_size() // local, local)
        mesh = init_device_mesh(device, shape, mesh_dim_names=("outer", "inner"))[
            "inner"
        ]
    else:
        mesh = init_device_mesh(device, (dist.get_world_size(),))
        inner = links.world
    crosses_hosts = mesh.size() < dist.get_world_size()
    halves = {"fp16": torch.float16, "bf16": torch.bfloat16}
    policy = MixedPrecisionPolicy(
        param_dtype=halves.get(config.precision),
        reduce_dtype=torch.float32
        if crosses_hosts
        else halves.get(kind, torch.float32),
    )
    coded: list[CodedReduceScatter] = []
    modules = [*repeated_blocks(model).values(), model]
    for index, module in enumerate(modules):
        sharded = fully_shard(module, mesh=mesh, mp_policy=policy)
        if crosses_hosts:
            sharded.set_all_reduce_hook(ReplicateHook(exchange, index))
        elif kind in BITS:
            coded.append(CodedReduceScatter(inner, config.gradient_compression))
            sharded.set_custom_reduce_scatter(coded[-1])
    return coded
