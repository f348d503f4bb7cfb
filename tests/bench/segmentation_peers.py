"""Train our segmenter or a plain U-Net: the same crops, loss, clock and device.

python tests/bench/segmentation_peers.py unet shared/nuclei --seconds 120 --device cuda

One line of JSON with Dice and HD95 on `val`. The U-Net is that of Ronneberger (2015)
with batch norm and half the channels, from random weights: what one writes first. Its
pictures are enlarged by --zoom, ours by the same.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from deepseek_vision.images import Pixels
from deepseek_vision.segmentation.semantic.directory import SegmenterConfig
from deepseek_vision.segmentation.semantic.measure import measure
from deepseek_vision.segmentation.semantic.packing import pack_classes
from deepseek_vision.segmentation.semantic.predict import Array, SemanticModel
from deepseek_vision.segmentation.semantic.run import SemanticJob, evaluate, train
from deepseek_vision.segmentation.semantic.training import (
    SemanticRecipe,
    train_segmenter,
)


class Twice(nn.Sequential):
    def __init__(self, num_in: int, num_out: int) -> None:
        layers: list[nn.Module] = []
        for channels in (num_in, num_out):
            layers += [
                nn.Conv2d(channels, num_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(num_out),
                nn.ReLU(),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    def __init__(self, num_classes: int, *, base: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [base * 2**n for n in range(depth + 1)]
        self.down = nn.ModuleList(
            Twice(a, b) for a, b in zip([3, *widths], widths, strict=False)
        )
        self.lift = nn.ModuleList(
            nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in reversed(widths[:-1])
        )
        self.up = nn.ModuleList(Twice(2 * w, w) for w in reversed(widths[:-1]))
        self.answer = nn.Conv2d(base, num_classes + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = (images - 127) / 128
        across = []
        for index, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if index else x)
            across.append(x)
        across.pop()
        for lift, block in zip(self.lift, self.up, strict=True):
            x = block(torch.cat([lift(x), across.pop()], dim=1))
        logits: Tensor = self.answer(x)
        return logits


def _peer(options: argparse.Namespace, recipe: SemanticRecipe) -> dict[str, object]:
    torch.manual_seed(recipe.seed)
    device = torch.device(options.device)
    packed = pack_classes((options.data,), zoom=options.zoom)
    model = UNet(len(packed.classes)).to(device)
    steps = [0]

    def progress(step: int, _share: float, _losses: dict[str, float]) -> None:
        steps[0] = step

    trained = train_segmenter(model, packed.to(device), recipe, progress)
    config = SegmenterConfig(name="unet", classes=packed.classes, zoom=options.zoom)

    @torch.no_grad()
    def run(pixels: Pixels) -> Array:
        images = torch.from_numpy(np.array(pixels)).to(device)
        logits: Array = trained(images.permute(2, 0, 1)[None].float())[0].cpu().numpy()
        return logits

    asked = SemanticModel(config, run)
    return {
        "steps": steps[0],
        "parameters": sum(p.numel() for p in model.parameters()),
        "scores": measure(
            lambda picture: asked.segment(picture).classes_HW,
            options.data,
            classes=packed.classes,
            spacing_mm=options.spacing,
        ),
    }


def _ours(options: argparse.Namespace, recipe: SemanticRecipe) -> dict[str, object]:
    window = tuple(options.window) if options.window else None
    job = SemanticJob(
        data=(options.data,),
        out=options.out / f"{options.data.name}_{recipe.seed}",
        config=SegmenterConfig(
            name=options.name or options.data.name,
            classes=("any",),
            zoom=options.zoom,
            spacing_mm=options.spacing,
            window=window,
        ),
        start_from=options.start_from,
        device=options.device,
    )
    folder = train(job, recipe)
    log = (folder / "training.jsonl").read_text().splitlines()
    return {
        "steps": json.loads(log[-1])["step"],
        "scores": evaluate(folder, options.data, num_threads=2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["ours", "unet"])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--zoom", type=float, default=1.0)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--light", type=float, default=1.0)
    parser.add_argument("--scale", type=float, default=1.4)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--spacing", type=float)
    parser.add_argument("--window", type=float, nargs=2)
    parser.add_argument("--start-from", default="deepseek_vision_v2")
    parser.add_argument("--name")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("segmenters"))
    options = parser.parse_args()
    for seed in options.seeds:
        usual = 2e-3 if options.kind == "ours" else 1e-3
        recipe = SemanticRecipe(
            max_seconds=options.seconds,
            batch_size=options.batch,
            side_px=options.side,
            light=options.light,
            scale=options.scale,
            lr=options.lr or usual,
            seed=seed,
        )
        began = time.monotonic()
        found = (_ours if options.kind == "ours" else _peer)(options, recipe)
        line = {
            "kind": options.kind,
            "data": options.data.name,
            "zoom": options.zoom,
            "scale": options.scale,
            "seed": seed,
            "seconds": options.seconds,
            "whole_s": round(time.monotonic() - began, 1),
            **found,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
