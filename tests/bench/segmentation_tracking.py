"""Objects followed through short videos, ours against OpenCV's CSRT.

python -m tests.bench.segmentation_tracking FOLDER {ours,csrt,detector}

The box of the first frame is given; the mean is over all later frames. One line of JSON
a track. CSRT needs `opencv-contrib-python-headless`. The detector is the shipped one
that fits the given box best; later frames take its surest box of that class.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from deepseek_vision.hub import list_models
from deepseek_vision.images import Picture, read_picture
from deepseek_vision.predict import Detection, ObjectDetector, load_model
from deepseek_vision.segmentation.click.directory import load_click_model
from deepseek_vision.segmentation.click.prompts import Box
from deepseek_vision.segmentation.tracking.tracker import Tracker
from tests.bench.segmentation_rivals import opencv

Follow = Callable[[Picture], Box]


def ours(picture: Picture, box: Box) -> Follow:
    tracker = Tracker(load_click_model(), picture, box)
    return lambda frame: tracker.follow(frame).box


def csrt(picture: Picture, box: Box) -> Follow:
    cv2 = opencv()
    tracker = cv2.TrackerCSRT_create()
    left, top, right, bottom = (round(v) for v in box)
    tracker.init(_bgr(picture), (left, top, right - left, bottom - top))

    def follow(frame: Picture) -> Box:
        _, (x, y, width, height) = tracker.update(_bgr(frame))
        return x, y, x + width, y + height

    return follow


def detector(picture: Picture, box: Box) -> Follow:
    nothing: Box = (0.0, 0.0, 0.0, 0.0)
    detectors = [ObjectDetector(load_model(name)) for name in list_models()]

    def fitting(one: ObjectDetector) -> tuple[float, str]:
        found = one.detect(picture.pixels, score_threshold=0.05)
        scores = [(overlap(_box(row), box), row["class"]) for row in found]
        return max(scores, default=(0.0, ""))

    best = max(detectors, key=lambda one: fitting(one)[0])
    wanted = fitting(best)[1]

    def follow(frame: Picture) -> Box:
        found = best.detect(frame.pixels, score_threshold=0.05)
        rows = [row for row in found if row["class"] == wanted]
        return _box(rows[0]) if rows else nothing

    return follow


def _box(row: Detection) -> Box:
    left, top, right, bottom = row["bbox"]
    return left, top, right, bottom


def _bgr(picture: Picture) -> Any:
    return np.ascontiguousarray(picture.pixels[..., ::-1])


def overlap(a: Box, b: Box) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    shared = width * height
    return shared / (sum(areas) - shared)


def tracks_of(folder: Path) -> Iterator[tuple[str, list[tuple[Path, Box]]]]:
    """Each track's pictures and true boxes, in order."""
    coco = json.loads((folder / "annotations.json").read_text())
    images = {image["id"]: image for image in coco["images"]}
    tracks: dict[str, list[tuple[int, Path, Box]]] = {}
    for item in coco["annotations"]:
        image = images[item["image_id"]]
        x, y, width, height = item["bbox"]
        row = image["frame"], folder / "images" / image["file_name"]
        name = f"{image['video']}/{item['track_id']}"
        tracks.setdefault(name, []).append((*row, (x, y, x + width, y + height)))
    for name, rows in sorted(tracks.items()):
        yield name, [(path, box) for _, path, box in sorted(rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("kind", choices=["ours", "csrt", "detector"])
    options = parser.parse_args()
    begin = {"ours": ours, "csrt": csrt, "detector": detector}[options.kind]
    for name, rows in tracks_of(options.folder):
        (first, box), *later = rows
        follow, began = begin(read_picture(first), box), time.process_time()
        reached = [overlap(follow(read_picture(path)), true) for path, true in later]
        spent = (time.process_time() - began) * 1000 / len(later)
        line = {
            "track": name,
            "kind": options.kind,
            "num_frames": len(later),
            "miou": round(float(np.mean(reached)), 3),
            "share_over_half": round(float(np.mean(np.array(reached) > 0.5)), 3),
            "cpu_ms": round(spent, 1),
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
