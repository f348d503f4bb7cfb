"""The trainer on one GPU: a transformer against a hand-written loop, Fabric, Accelerate.

`python tests/bench/trainer_gpu.py --seconds 60` prints the tables in docs/benchmarks-trainer.md.
`--tiny` rehearses on the CPU.
"""

import argparse
import functools
import gc
import importlib
import json
import statistics
import sys
import threading
import time
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from torch.utils.data import DataLoader, Dataset

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.events import RegionCompiled, StepDone
from deepseek_optimizer.exchange import codec

SIZES = {  # layers, width, heads, batch
    "124M": (12, 768, 12, 32),
    "350M": (24, 1024, 16, 16),
    "tiny": (2, 64, 2, 4),
}
VOCABULARY = 50304


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width, bias=False),
            nn.GELU(approximate="tanh"),
            nn.Linear(4 * width, width, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.transpose(1, 3).unbind(2)
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.mlp(self.norm2(x))


class Gpt(nn.Module):
    def __init__(self, layers: int, width: int, heads: int, vocabulary: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(1024, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        self.apply(self._init)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        inputs, targets = text[:, :-1], text[:, 1:]
        x = self.tokens(inputs) + self.positions.weight[: inputs.shape[1]]
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return cross_entropy(logits.flatten(0, 1), targets.flatten())


class Text(Dataset[Tensor]):
    """Random tokens: the arithmetic is that of real text."""

    def __init__(self, length: int, vocabulary: int, count: int = 1 << 14) -> None:
        generator = torch.Generator().manual_seed(0)
        self.text = torch.randint(vocabulary, (count, length + 1), generator=generator)

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, index: int) -> Tensor:
        return self.text[index]


class BusyMeter:
    """Mean of NVML's utilisation, sampled five times a second."""

    def __enter__(self) -> "BusyMeter":
        self.samples: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self) -> None:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByIndex(0)
        while not self._done.wait(0.2):
            self.samples.append(nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def build(size: str) -> tuple[Gpt, Text, int]:
    layers, width, heads, batch = SIZES[size]
    vocabulary, length = (256, 64) if size == "tiny" else (VOCABULARY, 1024)
    torch.manual_seed(0)
    model = Gpt(layers, width, heads, vocabulary)
    return model, Text(length, vocabulary, 1 << (8 if size == "tiny" else 14)), batch


def run_trainer(size: str, seconds: float, warmup: int) -> dict[str, object]:
    model, text, batch = build(size)
    marks: list[tuple[float, StepDone]] = []
    notes: list[object] = []
    trainer: DistributedTrainer

    def on_event(event: object) -> None:
        if isinstance(event, StepDone):
            marks.append((time.perf_counter(), event))
        elif isinstance(event, RegionCompiled):
            notes.append(event.fallback_reason or f"{event.region}: compiled")

    probe = {"global_batch_size": batch, "precision": "bf16", "peak_tflops": 989.0}
    steps = warmup + STEPS_FOR[size](seconds)
    config = {
        **probe,
        "max_steps": steps,
        "lr": 3e-4,
        "compile": "regional",
        "num_workers": 2,
    }
    config["num_workers"] = 0 if size == "tiny" else 2
    trainer = DistributedTrainer(config, on_event=on_event)
    meter = BusyMeter()
    if torch.cuda.is_available():
        with meter:
            trainer.train(model, text)
    else:
        trainer.train(model, text)
    settled = [(at, e) for at, e in marks if e.step > warmup]
    (t0, first), (t1, last) = settled[0], settled[-1]
    tokens = (last.step - first.step) * batch * (text.text.shape[1] - 1)
    share = (t1 - t0) / 0.2
    busy = meter.samples[-max(1, int(share)) :] if torch.cuda.is_available() else []
    return {
        "tokens_per_s": tokens / (t1 - t0),
        "seconds": t1 - t0,
        "mfu": statistics.median(e.mfu or 0.0 for _, e in settled),
        "compute_ratio": statistics.median(e.compute_ratio for _, e in settled),
        "gpu_busy_ratio": statistics.mean(busy) if busy else None,
        "loss": last.loss,
        "notes": notes,
    }


def steps_for(rate: float):
    return lambda seconds: max(8, int(seconds * rate))


# Steps a second, so that a run lasts about so long as asked.
STEPS_FOR = {"124M": steps_for(14.0), "350M": steps_for(9.0), "tiny": steps_for(20.0)}


def compiled(model: Gpt) -> Gpt:
    for block in model.blocks:
        block.compile()
    return model


def prepare(arm: str, model: nn.Module, loader: Any, device: torch.device) -> Any:
    """Set up model, optimizer, loader and backward as the arm's library wants."""
    make = functools.partial(torch.optim.AdamW, lr=3e-4, fused=device.type == "cuda")
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


def run_loop(size: str, steps: int, warmup: int, arm: str) -> float:
    """Tokens a second of a plain loop, by hand or under another library."""
    model, text, batch = build(size)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loader = DataLoader(
        text,
        batch_size=batch,
        shuffle=True,
        drop_last=True,
        num_workers=0 if size == "tiny" else 2,
        pin_memory=device.type == "cuda",
    )
    model, optimizer, loader, backward = prepare(arm, compiled(model), loader, device)
    autocast = nullcontext()
    if arm == "hand":
        autocast = torch.autocast(device.type, dtype=torch.bfloat16)
    done, started = 0, 0.0
    while done < warmup + steps:
        for batch_text in loader:
            if done == warmup:
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
            if done >= warmup + steps:
                break
    synchronize()
    seconds = time.perf_counter() - started
    return steps * batch * (text.text.shape[1] - 1) / seconds


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def codec_rates(megabytes: int) -> dict[str, float]:
    """GB/s of float32 read by quantise + dequantise, eager and compiled."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = megabytes * 250_000 // 256 * 256
    x = torch.randn(1, size, device=device)
    error = torch.empty_like(x)
    found = {}
    for bits in (8, 4):
        for feedback in (None, error):
            times = []
            for _ in range(12):
                synchronize()
                started = time.perf_counter()
                message = codec.encode(x, bits=bits, block=256, error_WC=feedback)
                y = codec.decode(message, size, bits=bits, block=256)
                synchronize()
                times.append(time.perf_counter() - started)
            name = f"{bits} bits" + (", error feedback" if feedback is not None else "")
            found[name] = 4e-9 * size / statistics.median(times[3:])
            assert (y - x).abs().max() <= x.abs().max() / codec.LEVELS[bits]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sizes", nargs="+", default=["124M"])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--arms", nargs="*", default=["hand", "fabric", "accelerate"])
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    say = sys.stdout.write
    say(json.dumps({"codec_gb_per_s": codec_rates(4 if options.tiny else 1000)}) + "\n")
    torch.set_float32_matmul_precision("high")
    for size in ["tiny"] if options.tiny else options.sizes:
        steps = max(10, STEPS_FOR[size](options.seconds) // 6)
        for repeat in range(options.repeats):
            seconds = options.seconds if repeat == 0 else options.seconds / 4
            answer = run_trainer(size, seconds, 10)
            say(json.dumps({"size": size, "arm": "trainer", **answer}) + "\n")
            for arm in options.arms:
                gc.collect()
                torch.compiler.reset()
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                rate = run_loop(size, steps, 10, arm)
                say(json.dumps({"size": size, "arm": arm, "tokens_per_s": rate}) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
