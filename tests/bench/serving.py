"""Processor time of `model_server` for a picture: int8 behind HTTP against the same in a loop."""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from tests.bench.rows import Row
from tests.unit.model_server.running import ModelServer

ROUNDS, SECONDS = 4, 4
MODEL = "deepseek_vision_v2"
# Decoding included, one thread a core, no HTTP: what a server cannot beat.
LOOP = """
import sys, threading, time
from pathlib import Path
import deepseek_vision as dv
detector = dv.ObjectDetector(dv.load_model(sys.argv[1]))
files = [each.read_bytes() for each in sorted(Path(sys.argv[2]).iterdir())]
for each in files:
    detector.detect(each)
done, until = [], time.monotonic() + float(sys.argv[3])
def work(number):
    while time.monotonic() < until:
        detector.detect(files[number % len(files)])
        done.append(number)
        number += 1
before = time.process_time()
threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
[each.start() for each in threads]
[each.join() for each in threads]
print((time.process_time() - before) / len(done) * 1000)
"""


def measure() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        write_production_line(Path(folder), num_images=8, seed=8)
        images = str(Path(folder) / "images")
        server = ModelServer(SHIPPED / MODEL)
        try:
            yield from _compare(server, images)
            yield Row(
                what="memory of the process after all of it",
                value=server.rss_mb,
                unit="MB",
                goal=200,
            )
        finally:
            server.end()


def _compare(server: ModelServer, images: str) -> Iterator[Row]:
    """Side by side: processor time hardly minds neighbours, and they change slowly."""
    _served_ms(server, images)  # warm
    pairs = [(loop_ms(images), _served_ms(server, images)) for _ in range(ROUNDS)]
    yield Row(
        what="a picture in a loop, two threads",
        value=statistics.median(bare for bare, _ in pairs),
        unit="ms of a core",
    )
    yield Row(
        what="a picture behind HTTP, four callers",
        value=statistics.median(served for _, served in pairs),
        unit="ms of a core",
    )
    yield Row(
        what="pictures from the same processor time, of the loop's",
        value=statistics.median(bare / served for bare, served in pairs) * 100,
        unit="%",
        goal=90,
        is_more_better=True,
    )


def loop_ms(images: str) -> float:
    command = [sys.executable, "-c", LOOP, MODEL, images, str(SECONDS)]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(run.stdout)


def _served_ms(server: ModelServer, images: str) -> float:
    command = [
        *(sys.executable, "-m", "tests.bench.fire", "127.0.0.1", str(server.port)),
        *("/predict", images, "4", str(SECONDS)),
    ]
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    statuses = json.loads(run.stdout)["statuses"]
    assert list(statuses) == ["200"], statuses
    return (sum(process.cpu_times()[:2]) - before) / statuses["200"] * 1000
