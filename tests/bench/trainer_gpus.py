"""The trainer on 2, 4 or 8 GPUs of one host, and on one of them: a JSON line a row.

`python -m tests.bench.trainer_gpus all --limit 500` runs every part in a process of its
own, each with a limit of time, and prints one table at the end. `--tiny` rehearses with
two ranks on the CPU. NVLink multicast is left as the machine sets it.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel

from deepseek_optimizer.exchange.engine import Exchange, Links
from deepseek_optimizer.exchange.wire import Wire
from deepseek_optimizer.spec import CompressionConfig, RunSpec, TrainConfig
from tests.bench.trainer_gpu import say, synchronize, watch
from tests.bench.trainer_models import BATCHES, recipe

ROOT = Path(__file__).resolve().parents[2]
KINDS = ("none", "auto", "fp16", "fp16_quant", "int8", "int4", "powersgd", "topk")
FEW = ("none", "auto", "fp16_quant")
STEPS = 45  # of which 20 or fewer warm up


def torchs_own_ddp(name: str, steps: int) -> float:
    """Samples a second of all ranks in a hand-written DDP loop."""
    device = device_here()
    parts = recipe(name)
    model = parts.model.to(device)
    if name.startswith("detector"):
        model = model.to(memory_format=torch.channels_last)
    elif name == "vit":
        for block in model.blocks:
            block.compile()
    local = BATCHES[name]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: Any) -> Any:
            return parts.loss(self.model, batch)

    wrapped = DistributedDataParallel(Both(), gradient_as_bucket_view=True)
    rows, started = torch.arange(local, device=device), 0.0
    for step in range(steps):
        if step == 20:
            synchronize()
            started = time.perf_counter()
        batch = parts.augment(rows + step * local)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = wrapped(batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    synchronize()
    return (
        (steps - 20) * local * dist.get_world_size() / (time.perf_counter() - started)
    )


def device_here() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cuda", torch.cuda.current_device())


def fingerprint(model: nn.Module) -> list[float]:
    """Sums over the weights' bits, one a rank."""
    bits = [p.detach().float().view(torch.int32).long() for p in model.parameters()]
    mine = torch.stack([b.sum() for b in bits]).sum().view(1)
    ranks = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
    dist.all_gather(ranks, mine)
    return [int(r) for r in ranks]


def scale(name: str, steps: int) -> None:
    """Every way of exchanging, one after the other, in this group of ranks."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    device_here()
    dist.init_process_group(backend)
    ranks, is_first = dist.get_world_size(), dist.get_rank() == 0
    batch = BATCHES[name] * ranks
    jobs: list[tuple[str, str, float | None]] = [("ddp", "none", 25.0)]
    if ranks > 1:
        kinds = KINDS if name.startswith("vit") else FEW
        jobs = [("ddp", kind, 25.0) for kind in kinds]
        jobs.append(("ddp", "none", None))  # the default
        if name.startswith("vit"):  # the detector has scalars, which cannot be sharded
            jobs += [("fsdp2", "none", 25.0), ("fsdp2", "int8", 25.0)]
    with contextlib.suppress(RuntimeError):
        rate = torchs_own_ddp(name, steps)
        if is_first:
            say(model=name, ranks=ranks, strategy="torch DDP", samples_per_s=rate)
    for strategy, kind, bucket_mib in jobs:
        torch.compiler.reset()
        parts = recipe(name)
        try:
            answer = watch(
                parts,
                None,
                global_batch_size=batch,
                max_steps=max(steps, 70 if kind == "auto" else 0),
                compile="regional" if name == "vit" else "off",
                channels_last=name.startswith("detector"),
                gradient_compression={
                    "kind": kind,
                    "candidates": ("none", "fp16", "int8"),
                },
                parallel={"strategy": strategy, "bucket_mib": bucket_mib},
            )
        except (RuntimeError, ValueError, TypeError) as error:
            say(model=name, strategy=strategy, kind=kind, failed=repr(error)[:300])
            raise
        same = ""
        if strategy == "ddp":
            prints = fingerprint(parts.model)
            same = "yes" if len(set(prints)) == 1 else "NO"
        if is_first:
            say(
                model=name,
                ranks=ranks,
                strategy=strategy,
                kind=kind,
                bucket_mib=bucket_mib,
                bit_equal=same,
                **answer,
            )
        del parts
    dist.destroy_process_group()


def hierarchy() -> None:
    """A mesh of hosts of two against the flat exchange: the same mean, and the bytes."""
    device = device_here()
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    ranks, size = dist.get_world_size(), 1 << 22
    mesh = init_device_mesh(
        device.type, (ranks // 2, 2), mesh_dim_names=("outer", "inner")
    )
    inner, outer = Wire(mesh.get_group("inner")), Wire(mesh.get_group("outer"))
    for kind in ("none", "int8", "fp16_quant"):
        flat = Exchange(
            Links(world=Wire(dist.new_group())), CompressionConfig(kind="none")
        )
        links = Links(world=Wire(dist.new_group()), inner=inner, outer=outer)
        levels = Exchange(links, CompressionConfig(kind=kind))
        before = levels.outgoing_bytes
        x = torch.randn(size, device=device, generator=None) + dist.get_rank()
        exact, got = x.clone(), x.clone()
        flat.reduce(0, exact, ((size // 64, 64),))
        levels.reduce(0, got, ((size // 64, 64),))
        error = ((got - exact).norm() / exact.norm()).item()
        if dist.get_rank() == 0:
            say(
                part="hierarchy",
                kind=kind,
                ranks=ranks,
                relative_error=error,
                leaving_a_host=levels.outgoing_bytes - before,
                flat_bytes=flat.bytes_sent,
            )
    dist.destroy_process_group()


def start(folder: Path, name: str, ranks: int, steps: int) -> subprocess.Popen[str]:
    """Start a run from the shared checkpoint folder on so many ranks."""
    spec = RunSpec(
        entry="tests.bench.trainer_models:run_entry",
        args={"name": name},
        config=TrainConfig.from_mapping(
            {
                "global_batch_size": 16,
                "max_steps": steps,
                "compile": "off",
                "gradient_compression": "int8",
                "parallel": {"procs_per_node": ranks},
                "checkpoint": {
                    "dir": str(folder / "kept"),
                    "every_steps": 100,
                    "adapt": False,
                },
            }
        ),
    )
    (folder / "spec.json").write_text(spec.to_json())
    path = os.pathsep.join([str(ROOT), str(ROOT / "gpu_workers")])
    return subprocess.Popen(
        [sys.executable, "-m", "deepseek_optimizer", "run", str(folder)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )


def events_of(
    run: subprocess.Popen[str], until: int | None = None
) -> list[dict[str, Any]]:
    events = []
    for line in run.stdout or ():
        events.append(json.loads(line))
        step = events[-1].get("step", 0)
        if until is not None and events[-1]["type"] == "step_done" and step >= until:
            return events
    run.wait()
    return events


def failures(name: str, ranks: int) -> None:
    """Kill a rank, then change their number: what was lost, and where it went on."""
    with tempfile.TemporaryDirectory() as folder:
        run = start(Path(folder), name, ranks, 400)
        events_of(run, until=250)
        workers = [
            child for child in psutil.Process(run.pid).children(recursive=True)
            if "deepseek_optimizer.worker" in " ".join(child.cmdline())
        ]  # fmt: skip
        workers[-1].kill()
        events = events_of(run)
        back = next(e for e in events if e["type"] == "recovered")
        say(part="kill", ranks=ranks, attempt=back["attempt"], seconds=back["seconds"],
            lost_steps=back["lost_steps"], ended=events[-1]["status"])  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        half = max(1, ranks // 2)
        for number, world in enumerate((ranks, half, ranks)):
            events = events_of(start(Path(folder), name, world, 100 * (number + 1)))
            resumed = next((e for e in events if e["type"] == "resumed"), {})
            say(part="elastic", ranks=world, from_step=resumed.get("step", 0),
                samples=resumed.get("samples_consumed", 0), ended=events[-1]["status"],
                step=events[-1]["step"], loss=events[-1]["loss"])  # fmt: skip


def everything(options: argparse.Namespace) -> None:
    """Run the parts, most wanted first; none may take another's time or life."""
    ends = time.monotonic() + options.limit
    ranks = 2 if options.tiny else torch.cuda.device_count()
    end = "-tiny" if options.tiny else ""
    small, large = ("tiny", "tiny") if options.tiny else ("124M", "350M")
    long = "3" if options.tiny else "60"
    one, many = (
        "{python} -m tests.bench.trainer_gpu",
        "{python} -m tests.bench.trainer_gpus",
    )
    group = "{python} -m torch.distributed.run --master-port {port} --nproc-per-node"
    scaled = "-m tests.bench.trainer_gpus scale"
    tests = (
        "{python} -m pytest -q -c /dev/null --noconftest --rootdir . "
        "tests/gpu/test_trainer_gpu.py"
    )
    first = f"{one} arms {small} --seconds {long} --short 5"
    second = (
        f"{one} detector detector{end} --seconds {long}; "
        f"{one} arms {large} --seconds 20 --short 5 --repeats 1"
    )
    # Seconds at most, and the commands that run side by side, each on its devices.
    parts: list[tuple[float, dict[str, str]]] = [
        (40, {"0": f"{one} codec {small}"}),
        (190, {"0": first, "1": second}),
        (
            60,
            {
                "0": f"{group} 1 {scaled} vit{end}",
                "1": f"{group} 1 {scaled} detector{end}",
            },
        ),
        (150, {"": f"{group} {ranks} {scaled} vit{end}"}),
        (70, {"": f"{group} {ranks} {scaled} detector{end}"}),
        (120, {"": f"{many} failures vit{end} --ranks {ranks}", "1": tests}),
    ]
    if ranks >= 4:
        parts.append(
            (30, {"": f"{group} {ranks} -m tests.bench.trainer_gpus hierarchy"})
        )
    for limit, commands in parts:
        left = min(limit, ends - time.monotonic())
        if left < 10:
            say(part="left out", commands=list(commands.values()))
        else:
            run_together(commands, left)


def run_together(commands: dict[str, str], limit: float) -> None:
    began, running = time.monotonic(), []
    for devices, command in commands.items():
        env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'gpu_workers'}"}
        if devices:
            env["CUDA_VISIBLE_DEVICES"] = devices
        port = 29517 + len(running)
        line = command.format(python=sys.executable, port=port)
        shell = subprocess.Popen(
            ["/bin/bash", "-c", line], env=env, cwd=ROOT, start_new_session=True
        )
        running.append((command, shell))
    for command, process in running:
        try:
            process.wait(max(0.1, limit - (time.monotonic() - began)))
        except subprocess.TimeoutExpired:
            say(part="out of time", command=command)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()
    say(
        part="took",
        command=next(iter(commands.values())),
        seconds=time.monotonic() - began,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("all", "scale", "hierarchy", "failures"))
    parser.add_argument("name", nargs="?", default="vit")
    parser.add_argument("--limit", type=float, default=500.0)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    if options.part == "all":
        everything(options)
    elif options.part == "scale":
        scale(options.name, STEPS)
    elif options.part == "hierarchy":
        hierarchy()
    else:
        failures(options.name, options.ranks)


if __name__ == "__main__":
    main()
