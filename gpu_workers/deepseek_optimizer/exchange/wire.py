"""Blocking collectives of one process group, with the bytes that this rank sends."""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

# The public calls on a CUDA tensor return once the work is queued on the stream; on
# Gloo they return when it is done. Both are what a first-in-first-out user needs.


# The second name is deprecated from torch 2.13 on.
_all_gather = getattr(dist, "all_gather_single", dist.all_gather_into_tensor)


@dataclass(slots=True)
class Wire:
    """Collectives over `group`; `bytes_sent` counts payload on an ideal ring."""

    group: dist.ProcessGroup
    bytes_sent: int = 0

    @property
    def world_size(self) -> int:
        return self.group.size()

    @property
    def rank(self) -> int:
        return self.group.rank()

    def all_reduce(self, x: Tensor) -> None:
        """Sum in place over the group."""
        size = x.numel() * x.element_size()
        self.bytes_sent += 2 * size * (self.world_size - 1) // self.world_size
        dist.all_reduce(x, group=self.group)

    def all_mean(self, x: Tensor) -> None:
        """Average in place over the group; on NCCL without a pass of its own."""
        if not x.is_cuda:
            self.all_reduce(x)
            x.div_(self.world_size)
            return
        size = x.numel() * x.element_size()
        self.bytes_sent += 2 * size * (self.world_size - 1) // self.world_size
        dist.all_reduce(x, op=dist.ReduceOp.AVG, group=self.group)

    def all_max(self, x: Tensor) -> None:
        dist.all_reduce(x, op=dist.ReduceOp.MAX, group=self.group)

    def all_to_all(self, rows_WM: Tensor) -> Tensor:
        """Send row r to rank r; return the rows that the ranks sent to this one."""
        received_WM = torch.empty_like(rows_WM)
        size = rows_WM.numel() * rows_WM.element_size()
        self.bytes_sent += size * (self.world_size - 1) // self.world_size
        dist.all_to_all_single(received_WM, rows_WM, group=self.group)
        return received_WM

    def all_gather(self, row_M: Tensor) -> Tensor:
        """Return every rank's row, in rank order."""
        rows = row_M.new_empty(self.world_size * row_M.numel())
        self.bytes_sent += row_M.numel() * row_M.element_size() * (self.world_size - 1)
        _all_gather(rows, row_M, group=self.group)
        return rows.view(self.world_size, -1)

    def reduce_scatter_mean(self, x_WC: Tensor) -> Tensor:
        """Return this rank's row of the mean.

        Gloo's own reduce_scatter is an all-reduce inside and moves twice the bytes.
        """
        return self.all_to_all(x_WC).sum(0).div_(self.world_size)
