"""Segmenters and clicks as they ship: Dice, clicks to an outline, milliseconds.

Beside GrabCut and scissors where `opencv-contrib-python-headless` is installed. Beside
a U-Net: `segmentation_peers.py`, on a GPU.
"""

import importlib.util
import os
import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np

from deepseek_vision.segmentation.click.directory import load_click_model
from deepseek_vision.segmentation.click.prompts import Marks
from deepseek_vision.segmentation.semantic.run import evaluate
from tests.bench.rows import Row
from tests.bench.segmentation_clicks import SHARED, SPLITS, measure_clicks

PAGE = "benchmarks-segmentation.md"
_SETS = {"nuclei": "nuclei_dsb2018", "lung_tumour": "msd_lung_tumour"}
_MOST = int(os.environ.get("BENCH_CLICK_OBJECTS", "24"))
_ROUNDS = 30


def measure() -> Iterator[Row]:
    yield from _times()
    if not SHARED.is_dir():
        return
    for model, name in _SETS.items():
        (score,) = evaluate(model, SHARED / name).values()
        yield Row(what=f"{model}: Dice on {name}", value=score["dice"], unit="")
        yield Row(what=f"{model}: HD95 on {name}", value=score["hd95"], unit="px or mm")
    models = ["click_small"]
    if importlib.util.find_spec("cv2") is not None:
        models += ["grabcut", "scissors"]
    for name in SPLITS:
        for model in models:
            yield from _clicks(name, model)


def _clicks(name: str, model: str) -> Iterator[Row]:
    found = measure_clicks(SHARED / name, model, most=_MOST)
    is_ours = model == "click_small"
    yield Row(
        what=f"{name}: NoC@85 of {model}",
        value=found["noc85"],
        unit="clicks",
        goal=4.0 if is_ours else None,
    )
    yield Row(what=f"{name}: NoC@90 of {model}", value=found["noc90"], unit="clicks")
    for num in (1, 3, 5):
        what = f"{name}: mIoU after {num} of {model}"
        yield Row(what=what, value=found[f"miou{num}"], unit="")
    if "box_miou" in found:
        is_bound = is_ours and name == "nuclei_dsb2018"
        yield Row(
            what=f"{name}: mIoU from a box of {model}",
            value=found["box_miou"],
            unit="",
            goal=0.8 if is_bound else None,
            is_more_better=True,
        )


def _times() -> Iterator[Row]:
    graphs = load_click_model("click_small", num_threads=1).graphs
    side = graphs.side_px
    pixels = np.random.default_rng(0).integers(0, 255, (side, side, 3)).astype(np.uint8)
    embedded = graphs.encode(pixels)
    marks = Marks(
        points_N2=np.array([[side / 2, side / 2]], np.float32),
        is_positive_N=np.array([True]),
        box=None,
        previous_HW=np.zeros((side // 4, side // 4), np.float32),
    )
    for what, run, goal in (
        ("encoder", lambda: graphs.encode(pixels), 150.0),
        ("decoder", lambda: graphs.decode(embedded, marks), 10.0),
    ):
        yield Row(
            what=f"{what} at {side} px, one core",
            value=_median_ms(run),
            unit="ms CPU",
            goal=goal,
        )


def _median_ms(run: Callable[[], object]) -> float:
    """Processor time, so that neighbours on the machine count little."""
    for _ in range(3):
        run()
    took = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        run()
        took.append((time.process_time() - began) * 1000)
    return statistics.median(took)
