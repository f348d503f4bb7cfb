"""Our detector with parts switched off, by the clock; one JSON line a run.

python tests/bench/vision_ablation.py PACKED.pt SET --seconds 60 --seed 1 \
  --options '{"has_text_map": false}' --imagenet lite0.pth --device cuda

PACKED.pt holds the fields of two `PackedSet`s under `train` and `val`.
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from deepseek_vision.data.coco import PackedSet, read_coco
from deepseek_vision.foreign import PicoDetTeacher
from deepseek_vision.model.backbone import load_imagenet
from deepseek_vision.model.detector import build_detector
from deepseek_vision.prompts import class_embeddings
from deepseek_vision.training.loop import Datasets, Trainer
from deepseek_vision.training.recipe import Recipe
from deepseek_vision.training.run import in_layout


def recipe(options: argparse.Namespace) -> Recipe:
    return Recipe(
        size=options.size,
        num_steps=10**6,
        max_seconds=options.seconds,
        batch_size=options.batch,
        lr=2e-3,
        backbone_lr_share=0.4,
        weight_decay=0.05,
        ema_decay=0.999,
        ema_ramp=300,
        teacher_weight=2.0 if options.teacher else 0.0,
        evaluate_every=10**6,
        seed=options.seed,
        options=json.loads(options.options),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("packed", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--name", default="ours")
    parser.add_argument("--size", default="small")
    parser.add_argument("--options", default="{}")
    parser.add_argument("--imagenet", type=Path)
    parser.add_argument("--teacher", type=Path)
    parser.add_argument("--teacher-classes", type=int, nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--start-at", type=float, default=0, help="Unix time")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    both = torch.load(options.packed, weights_only=True, mmap=True)
    train, val = (PackedSet(**both[key]).to(device) for key in ("train", "val"))
    coco = read_coco(options.data, splits=("val",))
    model = build_detector(options.size, json.loads(options.options))
    if options.imagenet:
        weights = torch.load(options.imagenet, weights_only=True)
        load_imagenet(model.backbone, weights)
    if device.type == "cuda":
        model = in_layout(model, torch.channels_last)
    teacher = None
    if options.teacher:
        teacher = PicoDetTeacher(options.teacher, options.teacher_classes)
        teacher = teacher.to(device).eval()
    model = model.to(device)
    time.sleep(max(0.0, options.start_at - time.time()))
    trainer = Trainer(
        model,
        Datasets(train=train, val=replace(val, classes=coco.classes), val_coco=coco),
        recipe(options),
        torch.from_numpy(class_embeddings(coco.classes)).to(device),
        report=str,
        teacher=teacher,
    )
    trainer.run()
    outcome = trainer.finish()
    line = {
        "model": options.name,
        "data": options.data.name,
        "seed": options.seed,
        "seconds": options.seconds,
        "steps": outcome.num_steps,
        "images_per_s": round(outcome.num_steps * options.batch / options.seconds, 1),
        "parameters": sum(p.numel() for p in model.parameters()),
        **outcome.metrics,
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
