"""predict memory, step time and communication of a run on a described cluster."""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass

from deepseek_optimizer.exchange.reducers import BITS

GB = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What a plan needs to know of the machines.

    Attributes:
        matmul_ratio: Share of the peak that a large transformer step reaches alone
            (0.45 to 0.55 is what well-tuned runs publish).
        inner_gbyte_per_s: Bandwidth of one device to its host's others (NVLink).
        outer_gbyte_per_s: Bandwidth of one device to other hosts (its share of the NICs).
        overlap_ratio: Share of the communication that the backward pass can hide.
    """

    num_devices: int
    devices_per_host: int = 8
    memory_gb: float = 80.0
    peak_tflops: float = 989.0
    matmul_ratio: float = 0.5
    inner_gbyte_per_s: float = 450.0
    outer_gbyte_per_s: float = 50.0
    overlap_ratio: float = 0.7
    latency_us: float = 20.0
    codec_gbyte_per_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    num_params: float
    tokens_per_device: float = 8192.0
    num_layers: int = 96
    bytes_per_param_state: float = 16.0
    activation_bytes_per_token: float | None = None

    @property
    def activation_bytes(self) -> float:
        """Kept for the backward pass with recomputation of each layer's inside.

        One bf16 hidden vector a layer and token; the width follows from 12 L d^2 = N.
        """
        if self.activation_bytes_per_token is not None:
            return self.activation_bytes_per_token * self.tokens_per_device
        width = math.sqrt(self.num_params / (12 * self.num_layers))
        return 2.0 * width * self.num_layers * self.tokens_per_device


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    strategy: str
    compression: str
    memory_gb: float
    does_fit: bool
    compute_s: float
    communication_s: float
    step_s: float

    @property
    def exposed_ratio(self) -> float:
        return 1 - self.compute_s / self.step_s


def gradient_bytes(kind: str, *, is_sharded: bool = False) -> float:
    """Bytes sent for one gradient value by a rank of many.

    A sharded gradient goes one way only (reduce-scatter).
    """
    if kind in BITS:
        up, down = BITS[kind]
        one_way = [up / 8 + 2 / 256, down / 8 + 2 / 256]
    else:
        size = {"none": 4.0, "fp16": 2.0, "bf16": 2.0}[kind]
        one_way = [size, size]
    return one_way[0] if is_sharded else sum(one_way)


def predict(
    cluster: Cluster, work: Workload, strategy: str, compression: str
) -> Prediction:
    """Predict one step of mixed-precision Adam training.

    DDP holds all state on each device and exchanges whole gradients (inside the host
    in full precision, across hosts compressed). FSDP2 shards all state over all
    devices: parameters are gathered twice in bf16, gradients reduce-scattered. Hybrid
    shards inside a host and exchanges the shards across hosts.
    """
    hosts = max(1, cluster.num_devices // cluster.devices_per_host)
    local = min(cluster.devices_per_host, cluster.num_devices)
    shards = {"ddp": 1, "fsdp2": cluster.num_devices, "hybrid": local}[strategy]
    n = work.num_params
    # While a layer runs, its whole parameters are there beside the shards.
    layer = 2 * 2 * n / work.num_layers if shards > 1 else 0.0
    state = n * work.bytes_per_param_state / shards
    if compression in BITS:
        state += 4 * n / (local if strategy == "ddp" and hosts > 1 else shards)
    memory = (state + layer + work.activation_bytes) / GB

    flops = 8 * n * work.tokens_per_device  # 6 N and a recomputed forward pass
    compute = flops / (1e12 * cluster.peak_tflops * cluster.matmul_ratio)
    communication = _communication_s(cluster, work, strategy, compression)
    exposed = max(
        communication * (1 - cluster.overlap_ratio), communication - 0.6 * compute
    )
    return Prediction(
        strategy=strategy,
        compression=compression,
        memory_gb=memory,
        does_fit=memory <= 0.92 * cluster.memory_gb,
        compute_s=compute,
        communication_s=communication,
        step_s=compute + max(0.0, exposed),
    )


def _communication_s(
    cluster: Cluster, work: Workload, strategy: str, compression: str
) -> float:
    n, local = work.num_params, min(cluster.devices_per_host, cluster.num_devices)
    hosts = max(1, cluster.num_devices // cluster.devices_per_host)
    inner = cluster.inner_gbyte_per_s * GB
    outer = cluster.outer_gbyte_per_s * GB
    across, within = (hosts - 1) / hosts, (local - 1) / local
    hops = 1e-6 * cluster.latency_us * work.num_layers
    codec = 3 * 4 * n / (cluster.codec_gbyte_per_s * GB) * (compression in BITS)
    if strategy == "ddp":
        # Reduce-scatter and all-gather in fp32 inside, 1/local of the values across.
        inside = 2 * 4 * n * within / inner
        outside = gradient_bytes(compression) * n / local * across / outer
        return inside + outside + (hops + codec / local) * (hosts > 1)
    if strategy == "hybrid":
        inside = (2 * 2 + 4) * n * within / inner
        outside = gradient_bytes(compression) * n / local * across / outer
        return inside + outside + (hops + codec / local) * (hosts > 1)
    wire = 2 * 2 + gradient_bytes(compression, is_sharded=True)
    share = (cluster.num_devices - 1) / cluster.num_devices
    slowest = outer * local if hosts > 1 else inner
    return wire * n * share / slowest + 3 * hops + codec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--params", type=float, required=True, help="parameters of the model")
    add("--gpus", type=int, required=True, help="devices in all")
    add("--gpus-per-host", type=int, default=8)
    add("--memory-gb", type=float, default=80.0, help="of one device")
    add("--peak-tflops", type=float, default=989.0, help="of one device, bf16")
    add("--inner-gbyte-per-s", type=float, default=450.0, help="inside a host")
    add("--outer-gbyte-per-s", type=float, default=50.0, help="of a device to others")
    add("--tokens", type=float, default=8192.0, help="on one device in a step")
    add("--layers", type=int, default=96)


def main(options: argparse.Namespace) -> str:
    cluster = Cluster(
        num_devices=options.gpus,
        devices_per_host=options.gpus_per_host,
        memory_gb=options.memory_gb,
        peak_tflops=options.peak_tflops,
        inner_gbyte_per_s=options.inner_gbyte_per_s,
        outer_gbyte_per_s=options.outer_gbyte_per_s,
    )
    work = Workload(
        num_params=options.params,
        tokens_per_device=options.tokens,
        num_layers=options.layers,
    )
    rows = [
        "| strategy | compression | memory GB | fits | step s | exposed communication |",
        "| --- | --- | ---: | --- | ---: | ---: |",
    ]
    for strategy in ("ddp", "fsdp2", "hybrid"):
        for kind in ("none", "fp16", "int8", "fp16_quant", "int4"):
            p = predict(cluster, work, strategy, kind)
            rows.append(
                f"| {strategy} | {kind} | {p.memory_gb:,.1f} | "
                f"{'yes' if p.does_fit else 'no'} | {p.step_s:.3g} | "
                f"{p.exposed_ratio:.1%} |"
            )
    note = (
        "A model of bytes over bandwidth beside FLOPs over the reachable rate; "
        "docs/benchmarks-trainer.md compares it with measured runs. Pipeline and tensor "
        "parallelism, which a model of this size would add, are not in it."
    )
    return "\n".join([*rows, "", note])
