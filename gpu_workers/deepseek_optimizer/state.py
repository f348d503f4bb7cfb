"""All that a run is made of, and what of it a checkpoint holds beside the weights."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field

import torch.distributed as dist
from torch.optim.lr_scheduler import LRScheduler

from deepseek_optimizer.balance import Balancer
from deepseek_optimizer.checkpoint import Checkpointer, Manifest
from deepseek_optimizer.data import (
    DataPosition,
    Feed,
    equal_shares,
    rng_state,
    set_rng_state,
)
from deepseek_optimizer.guard import Guard
from deepseek_optimizer.parallel import Replica
from deepseek_optimizer.spec import TrainConfig
from deepseek_optimizer.update import Updater


@dataclass(slots=True)
class Progress:
    """What has been done; `loss` is of the last step that counted."""

    step: int = 0
    loss: float | None = None
    status: str = "finished"
    started: float = field(default_factory=time.perf_counter)
    steps_here: int = 0


@dataclass(slots=True)
class RunState:
    """What changes from step to step, on this rank."""

    config: TrainConfig
    replica: Replica
    scheduler: LRScheduler
    updater: Updater
    feed: Feed
    guard: Guard
    balancer: Balancer
    progress: Progress = field(default_factory=Progress)

    def save(self, checkpointer: Checkpointer) -> None:
        """Save the state after the current step; every rank must call it."""
        exchange = self.replica.exchange
        mine = {
            "rng": rng_state(),
            "exchange": exchange.state_dict(),
            "coded": [comm.memory.state_dict() for comm in self.replica.coded],
            "is_flat": exchange.links.inner is None,
        }
        common = {
            "step": self.progress.step,
            "loss": self.progress.loss,
            "position": asdict(self.feed.order.position),
            "shares": self.feed.shares,
            "scheduler": self.scheduler.state_dict(),
            "updater": self.updater.state_dict(),
            "guard": self.guard.state_dict(),
            "balancer": self.balancer.state_dict(),
        }
        checkpointer.save(
            self.progress.step,
            self.replica.module,
            self.updater.optimizer,
            mine=mine,
            common=common,
        )

    def load(self, checkpointer: Checkpointer, manifest: Manifest) -> None:
        """Become the state that was saved, on the same or another world size."""
        mine, common = checkpointer.load(
            manifest, self.replica.module, self.updater.optimizer
        )
        self.progress.step, self.progress.loss = common["step"], common["loss"]
        position = common["position"]
        reshuffles = tuple(tuple(pair) for pair in position["reshuffles"])
        self.feed.order.move_to(DataPosition(**{**position, "reshuffles": reshuffles}))
        self.feed.shares = [(first, tuple(s)) for first, s in common["shares"]]
        self.scheduler.load_state_dict(common["scheduler"])
        self.updater.load_state_dict(common["updater"])
        self.guard.load_state_dict(common["guard"])
        self.balancer.load_state_dict(common["balancer"])
        device = self.updater.device
        if "exchange" in mine:
            self.replica.exchange.load_state_dict(mine["exchange"], device)
        for comm, saved in zip(self.replica.coded, mine.get("coded", ()), strict=False):
            comm.memory.load_state_dict(saved, device)
        if "rng" in mine:
            set_rng_state(mine["rng"])

    def even_shares(self) -> None:
        """Start from equal shares where none are known for this world size."""
        num_ranks = dist.get_world_size()
        if not self.feed.shares or len(self.feed.shares[-1][1]) != num_ranks:
            shares = equal_shares(self.config.global_batch_size, num_ranks)
            self.feed.shares = [(0, shares)]
