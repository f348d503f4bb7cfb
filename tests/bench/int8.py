"""8 bits against float at 320 px, one thread: interleaved CPU times of the graphs.

`python -m tests.bench.int8 PEER.onnx ...` times other detectors' graphs beside it: one
input, uint8 pixels of 1 x 320 x 320 x 3.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

import deepseek_vision as dv
from deepseek_vision.export import export_onnx
from deepseek_vision.hub import SHIPPED
from deepseek_vision.model.detector import build_detector
from deepseek_vision.runtime import Session
from deepseek_vision.training.run import restore
from tests.bench.rows import Row

PAGE = "benchmarks-vision.md"
MODEL = "deepseek_vision_v2"
ROUNDS = 30


def measure() -> Iterator[Row]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1, 320, 320, 3), np.uint8)
    student = dv.load_model(MODEL)
    eager, _ = restore(SHIPPED / MODEL)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    prompts = torch.from_numpy(student.prompts_PD)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        teacher = Path(folder) / "medium.onnx"
        # Its time does not depend on what its weights are.
        export_onnx(build_detector("medium").eval(), teacher)
        sessions = {
            "int8": student.session,
            "fp32": dv.load_model(MODEL, precision="fp32").session,
            "medium fp32": Session(teacher),
        }
        work: dict[str, Callable[[], object]] = {
            name: lambda s=session: s.run(pixels, student.prompts_PD)  # type: ignore[misc]
            for name, session in sessions.items()
        }
        # Where it is most accurate, as a teacher.
        large = rng.integers(0, 256, (1, 352, 352, 3), np.uint8)
        work["medium fp32 at 352 px"] = lambda: sessions["medium fp32"].run(
            large, student.prompts_PD
        )
        work["eager"] = lambda: eager(images, prompts)
        took = interleaved(work)
    ms = {name: float(np.median(values)) for name, values in took.items()}
    for name, value in ms.items():
        yield Row(what=f"{name}, CPU time p50", value=value, unit="ms")
    goals = {"fp32": 0.70, "medium fp32 at 352 px": 0.40, "eager": 0.30}
    for other in [name for name in ms if name != "int8"]:
        share = ms["int8"] / ms[other]
        yield Row(what=f"int8 / {other}", value=share, unit="", goal=goals.get(other))


def interleaved(work: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """CPU milliseconds of each piece of work, in rounds of shuffled order."""
    took: dict[str, list[float]] = {name: [] for name in work}
    order = np.random.default_rng(1)
    for turn in range(ROUNDS + 2):
        for name in order.permutation(list(work)).tolist():
            began = time.process_time()
            work[name]()
            if turn >= 2:
                took[name].append((time.process_time() - began) * 1000)
    return took


def beside(paths: list[Path]) -> dict[str, float]:
    """Median CPU milliseconds of foreign graphs and of the shipped 8 bits, by turns."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1, 320, 320, 3), np.uint8)
    own = dv.load_model(MODEL)
    work: dict[str, Callable[[], object]] = {
        MODEL: lambda: own.session.run(pixels, own.prompts_PD)
    }
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    for path in paths:
        peer = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        feed = {peer.get_inputs()[0].name: pixels}
        if len(peer.get_inputs()) > 1:
            feed["prompts"] = own.prompts_PD
        work[path.stem] = lambda s=peer, f=feed: s.run(None, f)  # type: ignore[misc]
    took = interleaved(work)
    return {name: round(float(np.median(values)), 2) for name, values in took.items()}


if __name__ == "__main__":
    sys.stdout.write(f"{beside([Path(name) for name in sys.argv[1:]])}\n")
