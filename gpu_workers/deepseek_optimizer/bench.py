"""measure the exchange between hosts that are network namespaces with limited links."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from deepseek_optimizer.exchange import codec
from deepseek_optimizer.exchange.auto import STAGES, AutoChooser
from deepseek_optimizer.exchange.engine import Exchange, ddp_hook
from deepseek_optimizer.parallel import make_links
from deepseek_optimizer.spec import CompressionConfig, TrainConfig

STOCK = ("ddp", "ddp_fp16")
KINDS = (
    *STOCK,
    "none",
    "fp16",
    "int8",
    "fp16_quant",
    "int4",
    "topk",
    "powersgd",
    "auto",
)
BRIDGE, SUBNET = "dsopt-br", "10.231.77"


class Cnn(nn.Module):
    """776,458 parameters over 8 x 8 pictures of ten classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc1 = nn.Linear(128 * 4 * 4, 340)
        self.fc2 = nn.Linear(340, 10)

    def forward(self, x_B1HW: Tensor) -> Tensor:
        x = F.relu(self.conv1(x_B1HW))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        logits_BC: Tensor = self.fc2(F.relu(self.fc1(x.flatten(1))))
        return logits_BC


@dataclass(slots=True)
class _Arm:
    """One way of exchanging, kept for the whole benchmark."""

    model: DistributedDataParallel
    optimizer: torch.optim.Optimizer
    exchange: Exchange | None = None
    chooser: AutoChooser | None = None
    chosen: str = ""
    step: int = 0
    batch: tuple[Tensor, ...] = field(default_factory=tuple)

    def run_step(self) -> None:
        started = time.perf_counter()
        if self.chooser is not None:
            self.chooser.before_step()
        x, y = self.batch
        self.optimizer.zero_grad(set_to_none=False)
        F.cross_entropy(self.model(x), y).backward()
        self.optimizer.step()
        if self.exchange is not None:
            self.exchange.commit()
        self.step += 1
        if self.chooser is not None:
            self.chooser.after_step(self.step, time.perf_counter() - started)


def _make_arm(kind: str, bucket_mib: float) -> _Arm:
    torch.manual_seed(0)
    model = DistributedDataParallel(
        Cnn(), bucket_cap_mb=bucket_mib, gradient_as_bucket_view=True
    )
    arm = _Arm(model, torch.optim.SGD(model.parameters(), lr=0.02))
    generator = torch.Generator().manual_seed(dist.get_rank())
    x = torch.randn(16, 1, 8, 8, generator=generator)
    arm.batch = (x, torch.randint(10, (16,), generator=generator))
    if kind == "ddp_fp16":
        model.register_comm_hook(None, fp16_compress_hook)
    elif kind not in STOCK:
        config = TrainConfig(
            gradient_compression=CompressionConfig(kind=cast("Any", kind))
        )
        links = make_links(config, torch.device("cpu"))
        arm.exchange = Exchange(links, config.gradient_compression)
        model.register_comm_hook(arm.exchange, ddp_hook)
    if kind == "auto" and arm.exchange is not None:
        num_values = sum(p.numel() for p in model.parameters())

        def chosen(name: str, *_: object) -> None:
            arm.chosen = name

        cpu = torch.device("cpu")
        arm.chooser = AutoChooser(arm.exchange, cpu, num_values, chosen)
    for _ in range(3):
        arm.run_step()
    return arm


def _settle(arm: _Arm) -> None:
    """Let `auto` look at the present link."""
    if arm.chooser is not None and arm.exchange is not None:
        arm.chosen = ""
        arm.chooser.expire()
        most = 1 + sum(rounds for rounds, _ in STAGES)
        for _ in range(2 + most * len(arm.exchange.config.candidates)):
            arm.run_step()
            if arm.chosen:
                return


def _sent_bytes() -> int:
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "eth0":
            return int(counters.split()[8])
    raise RuntimeError("no interface eth0 in this namespace")


def work() -> None:
    """Be a rank: answer each command on stdin with a measurement on stdout."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    arms: dict[str, _Arm] = {}
    for line in sys.stdin:
        command = json.loads(line)
        kind = command["kind"]
        if kind not in arms:
            arms[kind] = _make_arm(kind, command["bucket_mib"])
        if command["settle"]:
            _settle(arms[kind])
        arms[kind].run_step()
        dist.barrier()
        sent, cpu, started = _sent_bytes(), time.process_time(), time.perf_counter()
        for _ in range(command["steps"]):
            arms[kind].run_step()
        steps = command["steps"]
        answer = {
            "ms": 1e3 * (time.perf_counter() - started) / steps,
            "cpu_ms": 1e3 * (time.process_time() - cpu) / steps,
            "bytes": (_sent_bytes() - sent) / steps,
            "chosen": arms[kind].chosen,
        }
        dist.barrier()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os._exit(0)


def _sh(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 -- fixed words


@contextmanager
def network(num_hosts: int) -> Iterator[None]:
    """Namespaces dsopt0.. joined by a bridge; needs root."""
    if os.geteuid() != 0:
        raise PermissionError("the benchmark makes network namespaces: run it as root")
    _remove_network(num_hosts)
    _sh("ip", "link", "add", BRIDGE, "type", "bridge")
    _sh("ip", "link", "set", BRIDGE, "up")
    try:
        for host in range(num_hosts):
            space = f"dsopt{host}"
            _sh("ip", "netns", "add", space)
            veth = ("type", "veth", "peer", "name", "eth0", "netns", space)
            _sh("ip", "link", "add", f"dsoptv{host}", *veth)
            _sh("ip", "link", "set", f"dsoptv{host}", "master", BRIDGE, "up")
            inside = ("ip", "-n", space)
            address = f"{SUBNET}.{host + 1}/24"
            _sh(*inside, "addr", "add", address, "dev", "eth0")
            _sh(*inside, "link", "set", "eth0", "up")
            _sh(*inside, "link", "set", "lo", "up")
        yield
    finally:
        _remove_network(num_hosts)


def _remove_network(num_hosts: int) -> None:
    for host in range(num_hosts):
        command = ["ip", "netns", "del", f"dsopt{host}"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    command = ["ip", "link", "del", BRIDGE]
    subprocess.run(command, check=False, capture_output=True)  # noqa: S603


def limit_rate(num_hosts: int, mbit_per_s: float | None) -> None:
    """Limit what each host sends; None takes the limit away."""
    for host in range(num_hosts):
        where = ("netns", "exec", f"dsopt{host}", "tc", "qdisc")
        command = ["ip", *where, "del", "dev", "eth0", "root"]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
        if mbit_per_s is not None:
            # A burst of 1 ms at the rate, at least two large segments.
            burst = max(128 * 1024, int(mbit_per_s * 125))
            tbf = ("tbf", "rate", f"{mbit_per_s}mbit", "burst", str(burst))
            _sh("ip", *where, "add", "dev", "eth0", "root", *tbf, "latency", "400ms")


class Ranks:
    """Worker processes in the namespaces, driven over their pipes."""

    def __init__(self, num_hosts: int, ranks_per_host: int, bucket_mib: float) -> None:
        self.bucket_mib = bucket_mib
        world_size = num_hosts * ranks_per_host
        self.processes = []
        for rank in range(world_size):
            env = {
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": str(world_size),
                "LOCAL_WORLD_SIZE": str(ranks_per_host),
                "MASTER_ADDR": f"{SUBNET}.1",
                "MASTER_PORT": "29411",
                "GLOO_SOCKET_IFNAME": "eth0",
                "OMP_NUM_THREADS": "1",
            }
            space = f"dsopt{rank // ranks_per_host}"
            module = (sys.executable, "-m", "deepseek_optimizer.bench")
            process = subprocess.Popen(  # noqa: S603 -- this module
                ["ip", "netns", "exec", space, *module],  # noqa: S607 -- iproute2
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.processes.append(process)

    def measure(self, kind: str, steps: int, *, settle: bool = False) -> list[Any]:
        order = {"kind": kind, "steps": steps, "settle": settle}
        line = json.dumps({**order, "bucket_mib": self.bucket_mib}) + "\n"
        for process in self.processes:
            cast("Any", process.stdin).write(line)
            cast("Any", process.stdin).flush()
        return [json.loads(cast("Any", p.stdout).readline()) for p in self.processes]

    def close(self) -> None:
        for process in self.processes:
            cast("Any", process.stdin).close()
            process.wait(30)


def bench_exchange(options: argparse.Namespace) -> str:
    """Bytes and step times of each kind at each rate, interleaved, medians."""
    hosts, local = options.hosts, options.ranks_per_host
    kinds, rates = options.kinds, options.rates
    ms: dict[tuple[str, float | None], list[float]] = {}
    size: dict[str, float] = {}
    cpu: dict[str, list[float]] = {}
    chosen: dict[float | None, list[str]] = {}
    with network(hosts):
        limit_rate(hosts, None)
        ranks = Ranks(hosts, local, options.bucket_mib)
        try:
            for kind in kinds:
                answers = ranks.measure(kind, 3)
                size[kind] = sum(a["bytes"] for a in answers[::local]) / hosts
            for rate in rates * options.repeats:
                limit_rate(hosts, rate)
                for kind in kinds:
                    answers = ranks.measure(kind, options.steps, settle=kind == "auto")
                    slowest = max(a["ms"] for a in answers)
                    ms.setdefault((kind, rate), []).append(slowest)
                    cpu.setdefault(kind, []).append(answers[0]["cpu_ms"])
                    if kind == "auto":
                        chosen.setdefault(rate, []).append(answers[0]["chosen"])
        finally:
            ranks.close()
    return _table(options, ms, size, cpu, chosen)


def _table(
    options: argparse.Namespace,
    ms: dict[tuple[str, float | None], list[float]],
    size: dict[str, float],
    cpu: dict[str, list[float]],
    chosen: dict[float | None, list[str]],
) -> str:
    rates, base = options.rates, options.kinds[0]
    names = [f"{r:g} Mbit/s" if r else "no limit" for r in rates]
    head = " | ".join(f"{n}: ms (x {base})" for n in names)
    rows = [
        f"| method | bytes leaving a host a step | / {base} | CPU ms | {head} |",
        "| --- | ---: | ---: | ---: |" + " ---: |" * len(rates),
    ]
    for kind in options.kinds:
        cells = []
        for rate in rates:
            median = statistics.median(ms[kind, rate])
            gain = statistics.median(
                b / m for b, m in zip(ms[base, rate], ms[kind, rate], strict=True)
            )
            cells.append(f"{median:.0f} ({gain:.2f})")
        rows.append(
            f"| {kind} | {size[kind]:,.0f} | {size[kind] / size[base]:.3f} | "
            f"{statistics.median(cpu[kind]):.0f} | {' | '.join(cells)} |"
        )
    rows += [
        "",
        (
            f"{options.hosts} hosts x {options.ranks_per_host} ranks; 776,458 parameters; "
            f"medians of {options.repeats} interleaved repeats of {options.steps} steps; the "
            "gain is the median of the ratios inside a repeat."
        ),
    ]
    for rate, kinds in chosen.items():
        where = f"{rate:g} Mbit/s" if rate else "no limit"
        rows.append(f"auto chose at {where}: {', '.join(kinds)}.")
    return "\n".join(rows)


def bench_codec(options: argparse.Namespace) -> str:
    """Quantise and dequantise a gradient on the device that is there."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    num_values = int(options.codec_mb * 250_000) // 256 * 256
    x = torch.randn(1, num_values, device=device)
    rows = ["| bits | ms | GB/s of fp32 read |", "| ---: | ---: | ---: |"]
    for bits in (8, 4):
        times = []
        for _ in range(options.repeats + 2):
            _synchronize(device)
            started = time.perf_counter()
            message = codec.encode(x, bits=bits, block=256)
            codec.decode(message, num_values, bits=bits, block=256)
            _synchronize(device)
            times.append(time.perf_counter() - started)
        best = statistics.median(times[2:])
        rows.append(f"| {bits} | {1e3 * best:.2f} | {4e-9 * num_values / best:.1f} |")
    return "\n".join([*rows, "", f"{4e-6 * num_values:.0f} MB on {device}."])


def _synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def _rate(text: str) -> float | None:
    return None if text == "unlimited" else float(text)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("what", choices=("exchange", "codec"))
    add("--hosts", type=int, default=2)
    add("--ranks-per-host", type=int, default=1)
    add("--rates", type=_rate, nargs="+", default=[20.0, 100.0, None], metavar="MBIT")
    add("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    add("--repeats", type=int, default=5)
    add("--steps", type=int, default=5)
    add("--bucket-mib", type=float, default=1.0)
    add("--codec-mb", type=float, default=64.0, help="size of the gradient")


def main(options: argparse.Namespace) -> str:
    bench = {"exchange": bench_exchange, "codec": bench_codec}[options.what]
    return f"{bench(options)}\n\n{machine()}"


def machine() -> str:
    """One line on where and when a figure was measured."""
    date = time.strftime("%Y-%m-%d", time.gmtime())
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    return (
        f"{date}, {os.cpu_count()} cores ({platform.machine()}), load {load}, "
        f"torch {torch.__version__}, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    work()
