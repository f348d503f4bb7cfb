"""Clicks on objects that nothing was trained on, ours against GrabCut and scissors.

python -m tests.bench.segmentation_clicks SET MODEL [--most 60]

MODEL is a click model, or grabcut, or scissors. One line of JSON.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_vision.images import Picture
from deepseek_vision.segmentation.click import protocol
from deepseek_vision.segmentation.click.directory import load_click_model
from deepseek_vision.segmentation.click.prompts import Prompt
from deepseek_vision.segmentation.click.segmenter import Segmenter
from tests.bench import segmentation_rivals

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SPLITS = {"video_davis_car": "video", "nuclei_dsb2018": "val", "coco256_80": "val"}


def asker(model: str) -> protocol.Ask:
    if model == "grabcut":
        return segmentation_rivals.grabcut()
    segmenter = Segmenter(load_click_model(model))

    def ask(picture: Picture, prompt: Prompt, key: str) -> protocol.Bits:
        answer = segmenter.answer(picture, prompt, key=key)
        return answer.mask(width=picture.width, height=picture.height)

    return ask


def measure_clicks(folder: Path, model: str, *, most: int) -> dict[str, Any]:
    """NoC, mean IoU after clicks, and mean IoU of a box, on `most` objects."""
    split = SPLITS[folder.name]
    targets = protocol.targets_of(folder, splits=(split,), most=most)
    tally, boxed = protocol.Tally(), []
    if model == "scissors":
        for target in targets:
            reached = segmentation_rivals.scissors(target, most=protocol.MAX_CLICKS)
            tally.rows.append(reached)
        return tally.summary()
    ask = asker(model)
    for whole in targets:
        target = segmentation_rivals.cut(whole) if model == "grabcut" else whole
        tally.rows.append(protocol.play(target, ask))
        said = ask(target.picture, Prompt(box=target.box), target.key)
        boxed.append(protocol.iou(said, target.truth_HW))
    return {**tally.summary(), "box_miou": round(float(np.mean(boxed)), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("model")
    parser.add_argument("--most", type=int, default=60)
    options = parser.parse_args()
    found = measure_clicks(options.folder, options.model, most=options.most)
    head = {"set": options.folder.name, "model": options.model}
    sys.stdout.write(json.dumps({**head, **found}) + "\n")


if __name__ == "__main__":
    main()
