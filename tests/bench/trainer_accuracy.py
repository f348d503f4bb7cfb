"""What gradient compression costs in accuracy: two tasks, every code, seed by seed.

python -m tests.bench.trainer_accuracy pack neu_det surfaces.npz
python -m tests.bench.trainer_accuracy run surfaces.npz --seeds 5 --at-once 28 > lines.jsonl
python -m tests.bench.trainer_accuracy report lines.jsonl

Two ranks over Gloo on CPU. *Surfaces*: six kinds of steel surface (NEU-DET, 64 px), a small
convolutional net. *Text*: the next letter of this project's documentation, a small GPT.
"""

import argparse
import functools
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset, TensorDataset

from deepseek_optimizer import DistributedTrainer
from tests.bench.trainer_models import Gpt
from tests.unit.deepseek_optimizer.ranks import run_ranks

ROOT = Path(__file__).resolve().parents[2]
CODES = (
    "none", "fp16", "bf16", "fp16_quant", "int8", "int4", "powersgd", "topk", "threshold",
)  # fmt: skip
SPARSE = {"topk", "threshold"}
SIDE = 64
LENGTH = 64
LETTERS = 128
# Student's t for a two-sided interval of 95 %, by the number of seeds.
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262}


class Surfaces(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [1, 16, 32, 64, 128]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.GroupNorm(4, after),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(widths[-1], 6)

    def logits(self, x: Tensor) -> Tensor:
        return self.out(self.body(x).mean((2, 3)))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(self.logits(x), y)


class Letters(Dataset[Tensor]):
    """Pieces of a text, overlapping by half."""

    def __init__(self, text: Tensor) -> None:
        self.text = text

    def __len__(self) -> int:
        return 2 * (len(self.text) // LENGTH) - 3

    def __getitem__(self, index: int) -> Tensor:
        first = index * LENGTH // 2
        return self.text[first : first + LENGTH + 1]


def letters() -> tuple[Tensor, Tensor]:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    texts: tuple[list[str], list[str]] = ([], [])
    for number, page in enumerate(pages):
        texts[number % 10 == 0].append(page.read_text(encoding="utf-8"))
    train, val = (
        torch.tensor([min(ord(letter), LETTERS - 1) for letter in "\n".join(some)])
        for some in texts
    )
    return train, val


def train_surfaces(packed: str, code: str, seed: int) -> float:
    both = np.load(packed)
    x, y, x_val, y_val = (
        torch.from_numpy(both[name]) for name in ("x", "y", "x_val", "y_val")
    )
    x, x_val = ((one.float() / 127.5 - 1).unsqueeze(1) for one in (x, x_val))
    torch.manual_seed(seed)
    model = Surfaces()
    # The sparse codes keep the momentum themselves, before they choose what to send.
    momentum = 0.0 if code in SPARSE else 0.9
    trainer(code, seed, steps=400, batch=64, momentum=0.9).train(
        model,
        TensorDataset(x, y.long()),
        optimizer=functools.partial(torch.optim.SGD, lr=0.05, momentum=momentum),
    )
    with torch.no_grad():
        return float((model.logits(x_val).argmax(1) == y_val).float().mean())


def train_text(_packed: str, code: str, seed: int) -> float:
    text, val = letters()
    torch.manual_seed(seed)
    model = Gpt(2, 64, 4, LETTERS)
    trainer(code, seed, steps=800, batch=32, momentum=0.0).train(
        model,
        Letters(text),
        optimizer=functools.partial(torch.optim.AdamW, lr=2e-3),
    )
    pieces = torch.stack([Letters(val)[at] for at in range(0, len(Letters(val)), 8)])
    with torch.no_grad():
        x = model.tokens(pieces[:, :-1]) + model.positions.weight[:LENGTH]
        for block in model.blocks:
            x = block(x)
        said = model.head.out(model.head.norm(x)).argmax(2)
    return float((said == pieces[:, 1:]).float().mean())


def trainer(
    code: str, seed: int, *, steps: int, batch: int, momentum: float
) -> DistributedTrainer:
    compression: dict[str, Any] = {"kind": code}
    if code in SPARSE:
        compression |= {"density": 0.01, "momentum": momentum, "warmup_steps": 100}
    config = {
        "global_batch_size": batch,
        "max_steps": steps,
        "seed": seed,
        "lr_schedule": "cosine",
        "lr_warmup_steps": 20,
        "gradient_compression": compression,
        "device": "cpu",
        "compile": "off",
    }
    return DistributedTrainer(config, on_event=lambda _event: None)


TASKS: dict[str, Callable[[str, str, int], float]] = {
    "surfaces": train_surfaces,
    "text": train_text,
}


def run(packed: Path, *, seeds: int, at_once: int) -> Iterator[dict[str, Any]]:
    runs = [(t, c, s) for s in range(1, seeds + 1) for t in TASKS for c in CODES]

    def one(what: tuple[str, str, int]) -> dict[str, Any]:
        task, code, seed = what
        answers = run_ranks(TASKS[task], 2, str(packed), code, seed)
        assert answers[0] == answers[1], f"ranks of {what} differ: {answers}"
        return {"task": task, "code": code, "seed": seed, "accuracy": answers[0]}

    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(one, runs)


def report(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    found = {(row["task"], row["code"], row["seed"]): row["accuracy"] for row in lines}
    seeds = sorted({seed for _task, _code, seed in found})
    yield "| task | code | accuracy, % | against fp32, by seed | mean and 95 % interval |"
    yield "| --- | --- | ---: | --- | ---: |"
    for task, code in itertools.product(TASKS, CODES):
        values = [100 * found[task, code, seed] for seed in seeds]
        plain = [100 * found[task, "none", seed] for seed in seeds]
        apart = [one - other for one, other in zip(values, plain, strict=True)]
        spread = T_95[len(seeds)] * statistics.stdev(apart) / len(seeds) ** 0.5
        shown = f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
        by_seed = ", ".join(f"{one:+.1f}" for one in apart)
        between = f"{statistics.mean(apart):+.2f} ± {spread:.2f}"
        if code == "none":
            by_seed = between = ""
        yield f"| {task} | `{code}` | {shown} | {by_seed} | {between} |"


def pack(source: Path, target: Path) -> None:
    from PIL import Image  # noqa: PLC0415 -- ranks need none

    coco = json.loads((source / "annotations.json").read_text())
    kinds = sorted({row["id"] for row in coco["categories"]})
    kind_of = {row["image_id"]: row["category_id"] for row in coco["annotations"]}
    parts: dict[str, list[Any]] = {"x": [], "y": [], "x_val": [], "y_val": []}
    for row in coco["images"]:
        if row["id"] not in kind_of:
            continue
        end = "_val" if row["split"] == "val" else ""
        with Image.open(source / "images" / row["file_name"]) as picture:
            small = picture.convert("L").resize((SIDE, SIDE))
        parts[f"x{end}"].append(np.asarray(small))
        parts[f"y{end}"].append(kinds.index(kind_of[row["id"]]))
    np.savez_compressed(
        target, **{name: np.stack(some) for name, some in parts.items()}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=["pack", "run", "report"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=1)
    given = parser.parse_args()
    match given.what:
        case "pack":
            pack(given.source, given.target)
        case "run":
            for row in run(given.source, seeds=given.seeds, at_once=given.at_once):
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()
        case "report":
            rows = [json.loads(line) for line in given.source.read_text().splitlines()]
            sys.stdout.write("\n".join(report(rows)) + "\n")


if __name__ == "__main__":
    main()
