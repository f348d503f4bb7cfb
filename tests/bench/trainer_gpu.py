"""The trainer on one GPU: transformers against a hand-written loop, Fabric, Accelerate.

`python -m tests.bench.trainer_gpu arms 124M --seconds 60` prints JSON lines, as do
`arms 350M`, `detector` and `codec`. Sizes named `tiny` rehearse on the CPU.
"""

import argparse
import functools
import gc
import importlib
import json
import os
import signal
import statistics
import sys
import threading
import time
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from deepseek_optimizer import DistributedTrainer, reporting
from deepseek_optimizer.building import Recipe
from deepseek_optimizer.events import RegionCompiled, StepDone
from deepseek_optimizer.exchange import codec
from tests.bench.trainer_models import BATCHES, gpt, recipe

WARMUP, PEAK_TFLOPS = 12, 989.0


def say(**row: object) -> None:
    """Print one row at once: a later part that fails takes nothing with it."""
    rounded = {
        k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()
    }
    sys.stdout.write(json.dumps(rounded) + "\n")
    sys.stdout.flush()


class BusyMeter:
    """NVML's utilisation of this process's device, sampled five times a second."""

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []
        self._done = threading.Event()
        if torch.cuda.is_available():
            threading.Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        while not self._done.wait(0.2):
            busy = torch.cuda.utilization() / 100
            self.samples.append((time.perf_counter(), busy))

    def between(self, start: float, end: float) -> float | None:
        self._done.set()
        inside = [busy for at, busy in self.samples if start <= at <= end]
        return statistics.mean(inside) if inside else None


def watch(parts: Recipe, seconds: float | None, **config: object) -> dict[str, Any]:
    """Train for so many seconds past the warm-up (or to max_steps); return rates."""
    marks: list[tuple[float, StepDone]] = []
    notes: list[str] = []
    stopped = threading.Event()
    reporting.STEP_PERIOD_S = 0.0

    def on_event(event: object) -> None:
        if isinstance(event, RegionCompiled):
            notes.append(event.fallback_reason or f"{event.region}: compiled")
        if not isinstance(event, StepDone) or event.step <= WARMUP:
            return
        marks.append((time.perf_counter(), event))
        is_enough = seconds is not None and marks[-1][0] - marks[0][0] > seconds
        if is_enough and not stopped.is_set():
            stopped.set()
            os.kill(os.getpid(), signal.SIGTERM)

    meter = BusyMeter()
    is_cuda = torch.cuda.is_available()
    base = {"max_steps": 100_000, "peak_tflops": PEAK_TFLOPS, "precision": "bf16"}
    if not is_cuda:
        base["precision"] = "fp32"
    trainer = DistributedTrainer({**base, **config}, on_event=on_event)
    result = trainer.train(**parts.parts())
    if not marks:
        return {"status": result.status, "loss": result.loss}
    (start, first), (end, last) = marks[0], marks[-1]
    batch = config["global_batch_size"]
    return {
        "samples_per_s": (last.step - first.step) * batch / max(1e-9, end - start),
        "seconds": end - start,
        "step_ms": 1e3 * (end - start) / max(1, last.step - first.step),
        "mfu": statistics.median(e.mfu or 0.0 for _, e in marks),
        "compute_ratio": statistics.median(e.compute_ratio for _, e in marks),
        "exposed_ms": statistics.median(e.exposed_comm_ms for _, e in marks),
        "bytes": last.bytes_sent,
        "gpu_busy_ratio": meter.between(start + 1.0, end),
        "loss": last.loss,
        "notes": sorted(set(notes)),
    }


def run_trainer(size: str, seconds: float) -> dict[str, Any]:
    model, text, batch = gpt(size)
    answer = watch(
        Recipe(model=model, dataset=text),
        seconds,
        global_batch_size=batch,
        lr=3e-4,
        compile="regional",
        num_workers=0 if size == "tiny" else 2,
    )
    length = text.text.shape[1] - 1
    return {"tokens_per_s": answer["samples_per_s"] * length, **answer}


def prepare(arm: str, model: Any, loader: Any, device: torch.device) -> Any:
    """Set up model, optimizer, loader and backward as the arm's library wants."""
    for block in (*model.blocks, model.head):
        block.compile()
    make = functools.partial(torch.optim.AdamW, lr=3e-4, fused=True)
    if arm == "fabric":
        fabric_class = importlib.import_module("lightning.fabric").Fabric
        fabric = fabric_class(
            precision="bf16-mixed", accelerator=device.type, devices=1
        )
        model, optimizer = fabric.setup(model, make(model.parameters()))
        return model, optimizer, fabric.setup_dataloaders(loader), fabric.backward
    model.to(device)
    optimizer = make(model.parameters())
    if arm == "hand":
        return model, optimizer, loader, Tensor.backward
    library = importlib.import_module("accelerate")
    accelerator = library.Accelerator(mixed_precision="bf16")
    return *accelerator.prepare(model, optimizer, loader), accelerator.backward


def run_loop(size: str, seconds: float, arm: str) -> float:
    """Tokens a second of a plain loop, by hand or under another library."""
    model, text, batch = gpt(size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loader = DataLoader(
        text,
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=0 if size == "tiny" else 2,
        pin_memory=device.type == "cuda",
    )
    model, optimizer, loader, backward = prepare(arm, model, loader, device)
    autocast = nullcontext()
    if arm == "hand":
        autocast = torch.autocast(device.type, dtype=torch.bfloat16)
    done, started = 0, 0.0
    while True:
        for batch_text in loader:
            if done == WARMUP:
                synchronize()
                started = time.perf_counter()
            x = batch_text.to(device, non_blocking=True)
            with autocast:
                loss = model(x)
            backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 1e9)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            done += 1
            if done % 10 == 0:
                loss.item()
                if done > WARMUP and time.perf_counter() - started > seconds:
                    synchronize()
                    spent = time.perf_counter() - started
                    tokens = (done - WARMUP) * batch * (text.text.shape[1] - 1)
                    return tokens / spent


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def arms(size: str, seconds: float, short: float, repeats: int) -> None:
    """Interleave the arms; the trainer's first turn is the long one."""
    torch.set_float32_matmul_precision("high")
    for repeat in range(repeats):
        wanted = seconds if repeat == 0 else short
        say(model=size, arm="trainer", **run_trainer(size, wanted))
        for arm in ("hand", "fabric", "accelerate"):
            gc.collect()
            torch.compiler.reset()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            try:
                say(model=size, arm=arm, tokens_per_s=run_loop(size, short, arm))
            except (ImportError, RuntimeError, ValueError, TypeError) as error:
                say(
                    model=size, arm=arm, failed=f"{type(error).__name__}: {error}"[:200]
                )


def detector(name: str, seconds: float) -> None:
    answer = watch(
        recipe(name),
        seconds,
        global_batch_size=BATCHES[name],
        channels_last=True,
        compile="off",
    )
    say(model=name, arm="trainer", **answer)


def codec_rates(megabytes: int) -> None:
    """GB/s of float32 read by quantise + dequantise."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = megabytes * 250_000 // 512 * 512
    x = torch.randn(1, size, device=device)
    error = torch.empty_like(x)
    for bits in (8, 4):
        for feedback in (None, error):
            times = []
            for _ in range(13):
                synchronize()
                started = time.perf_counter()
                message = codec.encode(x, bits=bits, block=256, error_WC=feedback)
                y = codec.decode(message, size, bits=bits, block=256)
                synchronize()
                times.append(time.perf_counter() - started)
            assert (y - x).abs().max() <= x.abs().max() / codec.LEVELS[bits]
            rate = 4e-9 * size / statistics.median(times[3:])
            keeps = feedback is not None
            say(part="codec", bits=bits, error_feedback=keeps, gb_per_s=rate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("arms", "detector", "codec"))
    parser.add_argument("name", nargs="?", default="tiny")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--short", type=float, default=8.0)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    if options.part == "codec":
        codec_rates(4 if options.name == "tiny" else 1000)
    elif options.part == "detector":
        detector(options.name, options.seconds)
    else:
        arms(options.name, options.seconds, options.short, options.repeats)


if __name__ == "__main__":
    main()
