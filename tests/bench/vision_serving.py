"""Serving on a CPU: one JSON object of figures. Run on a quiet machine.

python tests/bench/vision_serving.py [model] [--rounds 30]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import deepseek_vision as dv
from deepseek_vision.hub import find_model
from deepseek_vision.synthetic.production_line import write_production_line

# VmHWM starts afresh with a program; getrusage would repeat its parent's peak.
FIRST = (
    "import sys, time; began = time.perf_counter();"
    "import deepseek_vision as dv;"
    "d = dv.ObjectDetector(dv.load_model(sys.argv[1])); d.detect(sys.argv[2]);"
    "took = time.perf_counter() - began; lines = open('/proc/self/status').readlines();"
    "kb = next(l.split()[1] for l in lines if l.startswith('VmHWM'));"
    "print(took, int(kb) / 1024)"
)


def measure(model: str, rounds: int) -> dict[str, object]:
    """Interleaved rounds of every precision the model has; CPU time of the process."""
    with tempfile.TemporaryDirectory() as folder:
        write_production_line(Path(folder), num_images=4, seed=8)
        files = sorted((Path(folder) / "images").iterdir())
        directory = find_model(model)
        detectors = {}
        for precision in ("fp32", "int8"):
            try:
                loaded = dv.load_model(model, precision=precision)
            except dv.UnknownModelError:
                continue
            detectors[precision] = dv.ObjectDetector(loaded)
        wall: dict[str, list[float]] = {name: [] for name in detectors}
        cpu: dict[str, list[float]] = {name: [] for name in detectors}
        for turn in range(rounds):
            for name, detector in detectors.items():
                cpu_began, began = time.process_time(), time.perf_counter()
                detector.detect(files[turn % len(files)])
                wall[name].append((time.perf_counter() - began) * 1000)
                cpu[name].append((time.process_time() - cpu_began) * 1000)
        answer = subprocess.run(
            [sys.executable, "-c", FIRST, model, str(files[0])],
            capture_output=True,
            text=True,
            check=True,
        )
        first_s, rss_mb = (float(v) for v in answer.stdout.split())
        return {
            "model": model,
            "rounds": rounds,
            "wall_ms_p50": {k: round(float(np.median(v)), 2) for k, v in wall.items()},
            "cpu_ms_p50": {k: round(float(np.median(v)), 2) for k, v in cpu.items()},
            "cpu_ms_min": {k: round(min(v), 2) for k, v in cpu.items()},
            "first_result_s": round(first_s, 3),
            "peak_rss_mb": round(rss_mb, 1),
            "int8_file_mb": round(
                directory.weights_file("int8").stat().st_size / 1e6, 2
            ),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", default="deepseek_vision_v2")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    figures = measure(options.model, options.rounds)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")
