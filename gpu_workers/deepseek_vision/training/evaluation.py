"""What a torch model finds in a set during training, and how good that is."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepseek_vision import events
from deepseek_vision.boxes import suppress
from deepseek_vision.data.coco import CocoSet, PackedSet
from deepseek_vision.metrics import as_results
from deepseek_vision.model.detector import Detector
from deepseek_vision.training.losses import to_boxes

_LEAST_SCORE = 0.01
_MAX_CELLS = 600
_SHOWN_SCORE = 0.3
_MOST_SHOWN = 20


@torch.no_grad()
def find_all(
    model: Detector,
    packed: PackedSet,
    coco: CocoSet,
    prompts_PD: Tensor,
    centres_A2: Tensor,
    *,
    batch_size: int = 64,
) -> list[dict[str, Any]]:
    """COCO results of `model` on a packed set, in original pixels."""
    results: list[dict[str, Any]] = []
    device = prompts_PD.device
    for start in range(0, len(packed), batch_size):
        images = packed.images[start : start + batch_size].to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            answers = model(images.float(), prompts_PD)
        scores = answers.logits_BAP.float().sigmoid().flatten(1)
        boxes = to_boxes(answers.distances_BA4.float(), centres_A2)
        top, index = scores.topk(min(_MAX_CELLS, scores.shape[1]), dim=1)
        num_classes = answers.logits_BAP.shape[-1]
        cells = torch.div(index, num_classes, rounding_mode="floor")
        chosen = boxes.gather(1, cells[..., None].expand(-1, -1, 4)).cpu().numpy()
        labels = (index % num_classes).cpu().numpy()
        values = top.cpu().numpy()
        for row in range(len(images)):
            image = coco.images[start + row]
            scale = (
                np.array([image["width"], image["height"]], np.float32)
                / packed.sizes[start + row].cpu().numpy()
            )
            sure = values[row] >= _LEAST_SCORE
            limit = np.array([image["width"], image["height"]] * 2, np.float32)
            found = np.clip(chosen[row][sure] * np.tile(scale, 2), 0, limit)
            kept = suppress(
                found,
                values[row][sure],
                labels[row][sure],
                iou_threshold=0.6,
                max_num=100,
            )
            results += as_results(
                image["id"],
                found[kept],
                values[row][sure][kept],
                labels[row][sure][kept],
            )
    return results


def samples(
    coco: CocoSet, results: list[dict[str, Any]], *, num: int
) -> tuple[events.Sample, ...]:
    """What was found in the first `num` pictures, beside what is there."""
    return tuple(
        events.Sample(
            file_name=Path(image["file_name"]).name,
            width=image["width"],
            height=image["height"],
            found=_shown(coco, results, image["id"]),
            truth=tuple(
                _object(coco.classes[coco.class_of[one["category_id"]]], 1, one["bbox"])
                for one in coco.objects.get(image["id"], [])[:_MOST_SHOWN]
            ),
        )
        for image in coco.images[:num]
    )


def _shown(
    coco: CocoSet, results: list[dict[str, Any]], image_id: int
) -> tuple[events.FoundObject, ...]:
    mine = [
        one
        for one in results
        if one["image_id"] == image_id and one["score"] >= _SHOWN_SCORE
    ]
    mine.sort(key=lambda one: -one["score"])
    return tuple(
        _object(coco.classes[one["category_id"]], one["score"], one["bbox"])
        for one in mine[:_MOST_SHOWN]
    )


def _object(label: str, score: float, xywh: list[float]) -> events.FoundObject:
    x, y, width, height = (round(float(value), 1) for value in xywh)
    return events.FoundObject(
        label=label, score=round(score, 3), bbox=(x, y, x + width, y + height)
    )
