"""Average precision of a torch model during training."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from deepseek_vision.boxes import suppress
from deepseek_vision.data.coco import CocoSet, PackedSet
from deepseek_vision.metrics import as_results, as_truth, average_precision
from deepseek_vision.model.detector import Detector
from deepseek_vision.training.losses import to_boxes

_LEAST_SCORE = 0.01
_MAX_CELLS = 600


@torch.no_grad()
def evaluate(
    model: Detector,
    packed: PackedSet,
    coco: CocoSet,
    prompts_PD: Tensor,
    centres_A2: Tensor,
    *,
    batch_size: int = 64,
) -> dict[str, float]:
    """COCO figures of `model` on a packed set, in original pixels."""
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
    return average_precision(as_truth(coco), results)
