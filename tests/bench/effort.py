"""Seconds of a simulated annotator for a box: corrected proposals against drawing it all."""

import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from playwright.sync_api import Page

from tests.annotating import (
    LISTEN,
    THRESHOLD,
    Annotator,
    Effort,
    Thing,
    iou,
    matched,
    told_s,
)
from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.killing import browsing

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
NUM_IMAGES, SEED, ROUNDS = 30, 11, 2000
# Sets whose training part a shipped detector knows, and how close a box has to be.
SETS = {"deeppcb": "circuit boards", "voc07_general20": "everyday photos"}
MOST_LABELS = 9  # as many as have a key
CLOSE, LEAST_SCORE = (0.8, 0.7), 0.05
# F1 at an IoU of .5, and the mean IoU of what is left at the end.
GATE = (0.98, 0.85)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An image that no shipped model was trained on."""

    path: Path
    size: tuple[int, int]
    things: tuple[tuple[str, tuple[float, float, float, float]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What a whole project took, image by image, and how good it became."""

    efforts: list[Effort]
    log_share: float
    f1: float
    mean_iou: float

    @property
    def num_objects(self) -> int:
        return sum(one.num_accepted for one in self.efforts)

    @property
    def wait_s(self) -> float:
        return median(effort.wait_s for effort in self.efforts)

    def seconds(self, *, is_strict: bool) -> np.ndarray:
        wait = self.wait_s
        each = (
            one.strict_s(wait) if is_strict else one.scan_s(wait)
            for one in self.efforts
        )
        return np.array(list(each))


def measure() -> Iterator[Row]:
    if not DATA.is_dir():
        sys.stderr.write(f"effort: skipped, there is no {DATA}\n")
        return
    with signed_in() as (running, client), browsing(running, client) as context:
        page = context.new_page()
        page.add_init_script(LISTEN)
        for name, about in SETS.items():
            yield from _set(page, client, name, about)


def _set(page: Page, client: httpx.Client, name: str, about: str) -> Iterator[Row]:
    labels, scenes = read_scenes(name)
    by_hand = Project(client, f"{name} by hand", labels, scenes).work(page, close=None)
    yield Row(what=f"{about}: objects", value=by_hand.num_objects, unit="")
    yield from _quality(f"{about} by hand", by_hand)
    for close in CLOSE:
        helped = Project(client, f"{name} at {close}", labels, scenes)
        recall, precision = helped.prelabel()
        if close == CLOSE[0]:
            what = f"{about}: recall of the proposals shown, right class, IoU of .5"
            yield Row(what=what, value=recall, unit="")
            yield Row(what=f"{about}: their precision", value=precision, unit="")
        arm = helped.work(page, close=close)
        what = f"{about}, right from an IoU of {close:g}"
        yield from _speed(what, by_hand, arm, scan_goal=_goal(recall))
        yield from _quality(what, arm)


def _goal(recall: float) -> float:
    """What help should bring where a model finds so much."""
    return 5.0 if recall >= 0.95 else 4.0 if recall >= 0.9 else 2.5


def _speed(what: str, by_hand: Arm, arm: Arm, *, scan_goal: float) -> Iterator[Row]:
    objects = by_hand.num_objects
    for is_strict, mode in ((False, "scan"), (True, "strict")):
        slow, fast = (one.seconds(is_strict=is_strict) for one in (by_hand, arm))
        low, high = _interval(slow, fast)
        yield Row(
            what=f"{what}: S_{mode} (95 %: {low:.2f} to {high:.2f})",
            value=float(slow.sum() / fast.sum()),
            unit="times",
            goal=2.5 if is_strict else scan_goal,
            is_more_better=True,
        )
        value = float(fast.sum() / objects)
        beside = f"{slow.sum() / objects:.2f} s by hand"
        yield Row(what=f"{what}: SPO_{mode} ({beside})", value=value, unit="s")
    actions = [sum(one.num_actions for one in each.efforts) for each in (by_hand, arm)]
    beside = f"{actions[0] / objects:.2f} by hand"
    value = actions[1] / objects
    yield Row(what=f"{what}: actions an object ({beside})", value=value, unit="")


def _quality(what: str, arm: Arm) -> Iterator[Row]:
    for name, value, goal in (
        ("F1 at the end", arm.f1, GATE[0]),
        ("mean IoU at the end", arm.mean_iou, GATE[1]),
    ):
        yield Row(
            what=f"{what}: {name}", value=value, unit="", goal=goal, is_more_better=True
        )
    apart = 100 * abs(arm.log_share - 1)
    what = f"{what}: formula and the page's events differ by"
    yield Row(what=what, value=round(apart, 3), unit="%", goal=2)


def _interval(slow: np.ndarray, fast: np.ndarray) -> tuple[float, float]:
    """The middle 95 % of the speed-up over images drawn with replacement."""
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(slow), (ROUNDS, len(slow)))
    ratios = slow[picks].sum(axis=1) / fast[picks].sum(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(high)


def read_scenes(name: str) -> tuple[list[str], list[Scene]]:
    """Held-out images with the labels that have keys; none with doubtful objects."""
    truth = json.loads((DATA / name / "annotations.json").read_text())
    names = {one["id"]: one["name"] for one in truth["categories"]}
    of_image: dict[int, list[dict]] = {}
    for row in truth["annotations"]:
        of_image.setdefault(row["image_id"], []).append(row)
    images = [one for one in truth["images"] if one["split"] == "val"]
    counts: dict[str, int] = {}
    for row in (row for one in images for row in of_image.get(one["id"], [])):
        counts[names[row["category_id"]]] = counts.get(names[row["category_id"]], 0) + 1
    labels = sorted(counts, key=lambda one: -counts[one])[:MOST_LABELS]
    scenes = []
    for image in images:
        rows = of_image.get(image["id"], [])
        wanted = [row for row in rows if names[row["category_id"]] in labels]
        if wanted and not any(row.get("difficult") for row in rows):
            scenes.append(_scene(DATA / name, image, wanted, names))
    return labels, random.Random(SEED).sample(scenes, NUM_IMAGES)


def _scene(folder: Path, image: dict, rows: Sequence[dict], names: dict) -> Scene:
    things = []
    for row in rows:
        x, y, width, height = row["bbox"]
        things.append((names[row["category_id"]], (x, y, x + width, y + height)))
    return Scene(
        path=folder / "images" / image["file_name"],
        size=(image["width"], image["height"]),
        things=tuple(things),
    )


class Project:
    """A fresh project with the scenes in it."""

    def __init__(
        self,
        client: httpx.Client,
        name: str,
        labels: Sequence[str],
        scenes: Sequence[Scene],
    ) -> None:
        self._client = client
        workspace = client.get("/api/v1/accounts/workspaces/").json()["results"][0][
            "id"
        ]
        made = client.post(
            "/api/v1/labeling/projects/",
            json={"workspace_id": workspace, "name": name, "labels": list(labels)},
        )
        made.raise_for_status()
        self._path = f"/api/v1/labeling/projects/{made.json()['id']}"
        rows = client.get(f"{self._path}/labels/").json()
        self._ids = {row["name"]: row["id"] for row in rows}
        self._keys = {row["id"]: row["hotkey"] for row in rows}
        self._scenes = {self._upload(scene): scene for scene in scenes}

    def prelabel(self) -> tuple[float, float]:
        """Let the detector that knows most labels propose; its recall and precision."""
        asked = self._client.post(
            f"{self._path}/prelabel/", json={"score_threshold": LEAST_SCORE}
        )
        asked.raise_for_status()
        job = f"/api/v1/jobs/{asked.json()['job_id']}/"
        while (status := self._client.get(job).json()["status"]) != "done":
            assert status not in {"failed", "cancelled"}, status
            time.sleep(0.5)
        num_right = num_true = num_shown = 0
        for image_id in self._scenes:
            truth = self._truth(image_id)
            shown = [
                one
                for one in self._read(image_id, "predictions")
                if one.score >= THRESHOLD
            ]
            pairs = matched(truth, shown)
            num_right += sum(shown[k].label == t.label for k, t in pairs.items())
            num_true, num_shown = num_true + len(truth), num_shown + len(shown)
        return num_right / num_true, num_right / max(num_shown, 1)

    def work(self, page: Page, *, close: float | None) -> Arm:
        """Label all images in the page, from nothing where ``close`` is None."""
        annotator = Annotator(page, self._keys, seed=SEED)
        page.goto(f"/labeling/images/{next(iter(self._scenes))}/")
        page.wait_for_selector("#editor:not([data-loading])")
        page.keyboard.press("b")
        before_s = told_s(page)
        efforts = {}
        while (image_id := int(page.url.rstrip("/").rpartition("/")[2])) not in efforts:
            truth = self._truth(image_id)
            annotator.begin(self._scenes[image_id].size)
            if close is None:
                annotator.draw_all(truth)
            else:
                made = self._read(image_id, "predictions")
                annotator.correct(truth, made, close)
            is_last = len(efforts) == len(self._scenes) - 1
            efforts[image_id] = annotator.hand_in(is_last=is_last)
            if is_last:
                break
        motion_s = sum(one.motion_s for one in efforts.values())
        f1, mean = self._quality()
        # Both arms in the order of the files.
        names = {image_id: scene.path.name for image_id, scene in self._scenes.items()}
        return Arm(
            efforts=[
                efforts[one] for one in sorted(efforts, key=lambda one: names[one])
            ],
            log_share=(told_s(page) - before_s) / motion_s,
            f1=f1,
            mean_iou=mean,
        )

    def _upload(self, scene: Scene) -> int:
        kind = "image/png" if scene.path.suffix == ".png" else "image/jpeg"
        files = {"file": (scene.path.name, scene.path.read_bytes(), kind)}
        answer = self._client.post(f"{self._path}/images/", files=files)
        answer.raise_for_status()
        image_id: int = answer.json()["id"]
        return image_id

    def _truth(self, image_id: int) -> list[Thing]:
        things = self._scenes[image_id].things
        return [Thing(label=self._ids[name], box=box) for name, box in things]

    def _read(self, image_id: int, what: str) -> list[Thing]:
        answer = self._client.get(f"/api/v1/labeling/images/{image_id}/document/")
        answer.raise_for_status()
        return [
            Thing(
                label=row["label_id"], box=tuple(row["bbox"]), score=row["score"] or 1.0
            )
            for row in answer.json()[what]
        ]

    def _quality(self) -> tuple[float, float]:
        num_right = num_true = num_made = 0
        shared = []
        for image_id in self._scenes:
            truth, made = self._truth(image_id), self._read(image_id, "annotations")
            right = {
                k: t
                for k, t in matched(truth, made).items()
                if made[k].label == t.label
            }
            shared += [iou(made[k].box, t.box) for k, t in right.items()]
            num_right += len(right)
            num_true, num_made = num_true + len(truth), num_made + len(made)
        return 2 * num_right / (num_true + num_made), float(np.mean(shared))
