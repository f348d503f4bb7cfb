"""Train our instance segmenter or Mask R-CNN: the same scenes, clock and device.

python tests/bench/segmentation_instances.py {ours,maskrcnn} SET --seconds S --device cuda

One line of JSON with the AP of masks and boxes on `val`. Mask R-CNN (He et al., 2017)
is torchvision's with a ResNet-50 and a feature pyramid, from random weights as none
come along; ours begins with a detector. Needs torchvision.
"""

import argparse
import importlib
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from deepseek_vision.data.coco import read_coco
from deepseek_vision.images import Picture, letterbox
from deepseek_vision.segmentation.instances.measure import (
    MOST_OBJECTS,
    Answered,
    measure_masks,
)
from deepseek_vision.segmentation.instances.run import InstanceJob, evaluate, train
from deepseek_vision.segmentation.instances.training import InstanceRecipe
from deepseek_vision.segmentation.instances.views import Scene, draw_scenes
from deepseek_vision.segmentation.packing import MaskSet, pack_objects
from deepseek_vision.segmentation.semantic.crops import relight


def _peer(options: argparse.Namespace, recipe: InstanceRecipe) -> dict[str, Any]:
    torch.manual_seed(recipe.seed)
    device = torch.device(options.device)
    coco = read_coco(options.data, splits=("train",))
    packed = pack_objects(coco, side=recipe.side_px).to(device)
    torchvision = importlib.import_module("torchvision")
    model = torchvision.models.detection.maskrcnn_resnet50_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=len(coco.classes) + 1,
        min_size=recipe.side_px,
        max_size=recipe.side_px,
        box_detections_per_img=MOST_OBJECTS,
        box_score_thresh=0.02,
    ).to(device)
    steps = _teach(model, packed, recipe)
    model.eval()

    @torch.no_grad()
    def ask(picture: Picture) -> Sequence[Answered]:
        seen = letterbox(picture, side=recipe.side_px, stride=1)
        pixels = torch.from_numpy(seen.pixels).to(device).permute(2, 0, 1).float()
        (said,) = model([pixels / 255])
        masks = said["masks"]
        size = picture.height, picture.width
        answers = []
        for number, score, mask in zip(
            said["labels"].tolist(), said["scores"].tolist(), masks, strict=True
        ):
            own = nn.functional.interpolate(mask[None], size=size, mode="bilinear")
            bits = (own[0, 0] > 0.5).cpu().numpy()
            answers.append(Answered(number - 1, score, bits))
        return answers

    scores = measure_masks(ask, options.data, classes=coco.classes)
    num = sum(p.numel() for p in model.parameters())
    return {"steps": steps, "parameters": num, "scores": scores}


def _teach(model: nn.Module, packed: MaskSet, recipe: InstanceRecipe) -> int:
    """AdamW, warmed up and cooled down like ours, within the same seconds."""
    model.train()
    rate = 3e-4
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.03)
    began, steps = time.monotonic(), 0
    while True:
        share = steps / recipe.num_steps
        if recipe.max_seconds is not None:
            share = (time.monotonic() - began) / recipe.max_seconds
        if share >= 1:
            return steps
        now = rate * (0.5 * (1 + math.cos(math.pi * share)) * 0.99 + 0.01)
        for group in optimizer.param_groups:
            group["lr"] = now * min(1.0, (steps + 1) / recipe.warmup_steps)
        rows = torch.randint(
            len(packed), (recipe.batch_size,), device=packed.images_N3SS.device
        )
        scene = draw_scenes(
            packed,
            rows,
            side=recipe.side_px,
            scale=recipe.scale,
            any_way_up=recipe.any_way_up,
        )
        images = relight(scene.images_B3SS, strength=recipe.light) / 255
        losses = model(list(images), [_target(scene, n) for n in range(len(images))])
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        steps += 1


def _target(scene: Scene, row: int) -> dict[str, Tensor]:
    kept = (scene.labels_BM[row] >= 0).nonzero()[:, 0]
    numbers = scene.numbers_BSS[row]
    masks = numbers[None] == kept[:, None, None] + 1
    return {
        "boxes": scene.boxes_BM4[row][kept],
        "labels": scene.labels_BM[row][kept] + 1,
        "masks": masks.to(torch.uint8),
    }


def _ours(options: argparse.Namespace, recipe: InstanceRecipe) -> dict[str, Any]:
    job = InstanceJob(
        data=(options.data,),
        out=options.out / f"{options.data.name}_{recipe.seed}",
        name=options.data.name,
        start_from=options.start_from,
        device=options.device,
    )
    folder = train(job, recipe)
    log = (folder / "training.jsonl").read_text().splitlines()
    scores = evaluate(folder, options.data, num_threads=2)
    return {"steps": json.loads(log[-1])["step"], "scores": scores}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["ours", "maskrcnn"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=416)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--any-way-up", action="store_true")
    parser.add_argument("--start-from", default="deepseek_vision_v2_general20")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("instances"))
    options = parser.parse_args()
    recipe = InstanceRecipe(
        max_seconds=options.seconds,
        side_px=options.side,
        batch_size=options.batch,
        any_way_up=options.any_way_up,
        seed=options.seed,
    )
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    found = (_ours if options.kind == "ours" else _peer)(options, recipe)
    head = {"kind": options.kind, "data": options.data.name, "side": options.side}
    line = {**head, "seed": options.seed, "seconds": options.seconds, **found}
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
