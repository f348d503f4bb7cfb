"""Peers trained beside our detector: the same pictures, augmentation, clock and device.

python tests/bench/vision_peers.py MODEL PACKED.pt SET --seconds 60 --seed 1 --device cuda

MODEL is yolo11n, dfine-n or rtdetrv2-r18, each built without COCO weights and trained
with its own loss. `ultralytics` (AGPL) and `transformers` must be installed by whoever
measures; nothing of this project depends on them. Runs that share a device are given
the same `--start-at`, so that their clocks run together.
"""

import argparse
import copy
import importlib
import json
import math
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from deepseek_vision.augmentation import Augmentation
from deepseek_vision.boxes import suppress
from deepseek_vision.data.augment import Augmenter, Batch
from deepseek_vision.data.coco import CocoSet, PackedSet, read_coco, sampling_weights
from deepseek_vision.metrics import as_results, as_truth, average_precision

SIDE = 320


class Peer(Protocol):
    model: nn.Module
    lr: float
    weight_decay: float

    def loss(self, batch: Batch) -> Tensor: ...
    def answers(self, model: nn.Module, images: Tensor) -> list[tuple[Tensor, ...]]: ...


class Yolo:
    """YOLO11n from its yaml, with its own loss."""

    lr, weight_decay = 2e-3, 0.03

    def __init__(self, num_classes: int) -> None:
        tasks = importlib.import_module("ultralytics.nn.tasks")
        self.model = tasks.DetectionModel("yolo11n.yaml", nc=num_classes, verbose=False)
        self.model.args = SimpleNamespace(
            box=7.5, cls=0.5, dfl=1.5, class_weights=None, epochs=100
        )
        self.num_classes = num_classes

    def loss(self, batch: Batch) -> Tensor:
        if getattr(self.model, "criterion", None) is None:
            self.model.criterion = self.model.init_criterion()
        row, at = torch.nonzero(batch.labels >= 0, as_tuple=True)
        boxes = batch.boxes[row, at] / batch.images.shape[-1]
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2
        wanted = {
            "img": batch.images / 255,
            "batch_idx": row.float(),
            "cls": batch.labels[row, at].float()[:, None],
            "bboxes": torch.cat([centre, boxes[:, 2:] - boxes[:, :2]], dim=1),
        }
        total, _ = self.model.loss(wanted, self.model(wanted["img"]))
        return total.sum()

    def answers(self, model: nn.Module, images: Tensor) -> list[tuple[Tensor, ...]]:
        found = model(images / 255)
        found = found[0] if isinstance(found, tuple | list) else found
        centre, size, scores = found.float().split([2, 2, self.num_classes], dim=1)
        boxes = torch.cat([centre - size / 2, centre + size / 2], dim=1)
        return _suppressed(boxes.transpose(1, 2), scores.transpose(1, 2))


def _suppressed(all_boxes: Tensor, all_scores: Tensor) -> list[tuple[Tensor, ...]]:
    answers = []
    for boxes, scores in zip(all_boxes, all_scores, strict=True):
        top, index = scores.flatten().topk(600)
        cells = torch.div(index, scores.shape[1], rounding_mode="floor")
        chosen, labels = boxes[cells].cpu(), (index % scores.shape[1]).cpu()
        rows = suppress(
            chosen.numpy(),
            top.cpu().numpy(),
            labels.numpy(),
            iou_threshold=0.6,
            max_num=100,
        )
        answers.append((chosen[rows], top.cpu()[rows], labels[rows]))
    return answers


class Detr:
    """A detection transformer of `transformers`, from its configuration."""

    weight_decay = 1e-4

    def __init__(self, name: str, num_classes: int) -> None:
        library: Any = importlib.import_module("transformers")
        labels = {n: str(n) for n in range(num_classes)}
        names = {"id2label": labels, "label2id": {v: k for k, v in labels.items()}}
        if name == "dfine-n":
            self.lr = 8e-4
            self.model = library.DFineForObjectDetection(_dfine_nano(library, names))
        else:
            self.lr = 4e-4
            self.model = library.RTDetrV2ForObjectDetection(_rtdetr(library, names))

    def loss(self, batch: Batch) -> Tensor:
        side = batch.images.shape[-1]
        labels = []
        for boxes, numbers in zip(batch.boxes, batch.labels, strict=True):
            real = numbers >= 0
            kept = boxes[real] / side
            centre = (kept[:, :2] + kept[:, 2:]) / 2
            sides = kept[:, 2:] - kept[:, :2]
            labels.append(
                {
                    "class_labels": numbers[real],
                    "boxes": torch.cat([centre, sides], dim=1),
                }
            )
        loss: Tensor = self.model(pixel_values=batch.images / 255, labels=labels).loss
        return loss

    def answers(self, model: nn.Module, images: Tensor) -> list[tuple[Tensor, ...]]:
        found = model(pixel_values=images / 255)
        scores = found.logits.float().sigmoid()
        centre, size = found.pred_boxes.float().split(2, dim=-1)
        boxes = torch.cat([centre - size / 2, centre + size / 2], dim=-1)
        boxes = boxes * images.shape[-1]
        top, index = scores.flatten(1).topk(100, dim=1)
        row = torch.div(index, scores.shape[-1], rounding_mode="floor")
        chosen = boxes.gather(1, row[..., None].expand(-1, -1, 4)).cpu()
        labels = (index % scores.shape[-1]).cpu()
        return list(zip(chosen, top.cpu(), labels, strict=True))


def _dfine_nano(library: Any, names: dict[str, Any]) -> Any:
    backbone = library.HGNetV2Config(
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, 64, 256, 512],
        stage_mid_channels=[16, 32, 64, 128],
        stage_out_channels=[64, 256, 512, 1024],
        hidden_sizes=[64, 256, 512, 1024],
        stage_num_blocks=[1, 1, 2, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        stage_numb_of_layers=[3, 3, 3, 3],
        use_learnable_affine_block=True,
        out_features=["stage3", "stage4"],
    )
    return library.DFineConfig(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_hidden_dim=128,
        encoder_in_channels=[512, 1024],
        encoder_ffn_dim=512,
        encode_proj_layers=[1],
        feat_strides=[16, 32],
        hidden_expansion=0.34,
        depth_mult=0.5,
        d_model=128,
        decoder_in_channels=[128, 128],
        decoder_ffn_dim=512,
        num_feature_levels=2,
        decoder_layers=3,
        decoder_n_points=[6, 6],
        **names,
    )


def _rtdetr(library: Any, names: dict[str, Any]) -> Any:
    backbone = library.RTDetrResNetConfig(
        layer_type="basic",
        depths=[2, 2, 2, 2],
        hidden_sizes=[64, 128, 256, 512],
        out_features=["stage2", "stage3", "stage4"],
    )
    return library.RTDetrV2Config(
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        encoder_in_channels=[128, 256, 512],
        hidden_expansion=0.5,
        decoder_layers=3,
        **names,
    )


def build(name: str, num_classes: int) -> Peer:
    if name == "yolo11n":
        return Yolo(num_classes)
    return Detr(name, num_classes)


def train(
    peer: Peer,
    packed: PackedSet,
    *,
    seconds: float,
    batch_size: int,
    seed: int,
    device: torch.device,
) -> tuple[nn.Module, int]:
    """AdamW, cosine by the clock, a slow copy: what our own recipe does."""
    peer.model.to(device).train()
    generator = torch.Generator(device).manual_seed(seed)
    host = torch.Generator().manual_seed(seed)
    rich = Augmenter(packed, Augmentation(), generator)
    plain_look = Augmentation(mosaic_share=0, mixup_share=0, scale=(0.8, 1.25))
    plain = Augmenter(packed, plain_look, generator)
    weights = sampling_weights(packed)
    optimizer = torch.optim.AdamW(
        peer.model.parameters(), lr=peer.lr, weight_decay=peer.weight_decay
    )
    slow = copy.deepcopy(peer.model)
    step, began = 0, time.perf_counter()
    while (progress := (time.perf_counter() - began) / seconds) < 1:
        step += 1
        rows = torch.multinomial(weights, batch_size, replacement=True, generator=host)
        batch = (rich if progress < 0.85 else plain).draw(rows.to(device), side=SIDE)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = peer.loss(batch)
        for group in optimizer.param_groups:
            warm = min(1.0, step / 100)
            group["lr"] = (
                peer.lr * warm * (0.01 + 0.495 * (1 + math.cos(math.pi * progress)))
            )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(peer.model.parameters(), 5.0)
        optimizer.step()
        _follow(slow, peer.model, 0.999 * (1 - math.exp(-step / 300)))
        if step % 50 == 0 and not math.isfinite(float(loss.detach())):
            raise FloatingPointError(f"loss is not finite at step {step}")
    return slow.eval(), step


@torch.no_grad()
def _follow(slow: nn.Module, model: nn.Module, decay: float) -> None:
    pairs = zip(slow.state_dict().values(), model.state_dict().values(), strict=True)
    old, new = zip(*[(a, b) for a, b in pairs if a.is_floating_point()], strict=True)
    torch._foreach_lerp_(list(old), list(new), 1 - decay)


@torch.no_grad()
def evaluate(
    peer: Peer, model: nn.Module, packed: PackedSet, coco: CocoSet
) -> dict[str, float]:
    """COCO figures by the same code that judges our own detector."""
    results: list[dict[str, Any]] = []
    device = next(model.parameters()).device
    for start in range(0, len(packed), 50):
        images = packed.images[start : start + 50].to(device).float()
        for row, (boxes, scores, labels) in enumerate(peer.answers(model, images)):
            image = coco.images[start + row]
            size = torch.tensor([image["width"], image["height"]]).float()
            scale = size / packed.sizes[start + row].cpu()
            found = (boxes * scale.repeat(2)).clamp(min=0)
            found = torch.minimum(found, size.repeat(2))
            results += as_results(
                image["id"], found.numpy(), scores.numpy(), labels.numpy()
            )
    return average_precision(as_truth(coco), results)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", choices=("yolo11n", "dfine-n", "rtdetrv2-r18"))
    parser.add_argument("packed", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--start-at", type=float, default=0, help="Unix time")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    device = torch.device(options.device)
    # Refused by the library for the shapes of one of the peers.
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    both = torch.load(options.packed, weights_only=True, mmap=True)
    packed, val = (PackedSet(**both[key]).to(device) for key in ("train", "val"))
    coco = read_coco(options.data, splits=("val",))
    peer = build(options.model, len(coco.classes))
    time.sleep(max(0.0, options.start_at - time.time()))
    slow, steps = train(
        peer,
        packed,
        seconds=options.seconds,
        batch_size=options.batch,
        seed=options.seed,
        device=device,
    )
    line = {
        "model": options.model,
        "data": options.data.name,
        "seed": options.seed,
        "seconds": options.seconds,
        "steps": steps,
        "images_per_s": round(steps * options.batch / options.seconds, 1),
        "parameters": sum(p.numel() for p in peer.model.parameters()),
        **evaluate(peer, slow, val, coco),
    }
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
