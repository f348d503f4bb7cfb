"""One picture on one thread: decode to boxes with the shipped defect detector."""

from collections.abc import Iterator

from tests.bench.rows import Row
from tests.bench.vision_serving import measure as measure_serving

PAGE = "benchmarks-vision.md"
MODEL = "deepseek_vision_v2"
ROUNDS = 60


def measure() -> Iterator[Row]:
    found = measure_serving(MODEL, ROUNDS)
    wall, first = found["wall_ms_p50"], float(str(found["first_result_s"]))
    assert isinstance(wall, dict)
    yield Row(what="int8, p50 at 320 px", value=wall["int8"], unit="ms", goal=35)
    if "fp32" in wall:
        yield Row(what="fp32, p50 at 320 px", value=wall["fp32"], unit="ms")
    yield Row(what="first result after the start", value=first, unit="s", goal=0.8)
    rss, size = (float(str(found[name])) for name in ("peak_rss_mb", "int8_file_mb"))
    yield Row(what="peak resident memory", value=rss, unit="MB", goal=130)
    yield Row(what="int8 file", value=size, unit="MB", goal=4.5)
