"""Coded reduce-scatter for FSDP2, and the exchange across hosts of hybrid sharding."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.fsdp._fully_shard._fsdp_api import ReduceScatter
from torch.nn import functional as F

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.engine import Exchange
from deepseek_optimizer.exchange.reducers import BITS, Memory
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import CompressionConfig


class CodedReduceScatter(ReduceScatter):
    """Give it to ``FSDPModule.set_custom_reduce_scatter``, one for each module.

    The first stage of the two-stage exchange is all that a sharded gradient needs:
    each rank sends every other rank its coded part, the receiver sums in float32.
    """

    def __init__(self, wire: Wire, config: CompressionConfig) -> None:
        self.wire, self.config, self.memory = wire, config, Memory()

    def allocate(
        self,
        size: Sequence[int | torch.SymInt],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,  # noqa: ARG002 -- FSDP2's signature
        op: Any,
        async_op: bool = False,  # noqa: ARG002, FBT001, FBT002 -- likewise
    ) -> None:
        bits, block = BITS[self.config.kind][0], self.config.block_size
        num_ranks, size = self.wire.world_size, output_tensor.numel()
        rows = input_tensor.view(num_ranks, size).float()
        padded = F.pad(rows, (0, -size % block))
        error = None
        if self.config.error_feedback:
            slot = self.memory.slot("error_up", padded)
            padded = padded + slot.current
            error = slot.write()
        message = codec.encode(padded, bits=bits, block=block, error_WC=error)
        received = self.wire.all_to_all(message)
        total = codec.decode(received, padded.shape[1], bits=bits, block=block).sum(0)
        if op == dist.ReduceOp.AVG:
            total /= num_ranks
        output_tensor.copy_(total[:size])


class ReplicateHook:
    """FSDP2 all-reduce hook: the mean of a shard over the hosts, through the exchange."""

    def __init__(self, exchange: Exchange, index: int) -> None:
        self.exchange, self.index = exchange, index

    def __call__(self, shard: Tensor) -> None:
        self.exchange.reduce(self.index, shard, (tuple(shard.shape),))
