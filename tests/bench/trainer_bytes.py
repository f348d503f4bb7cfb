"""Bytes that leave a host for gradients, by its interface's counter (root: namespaces)."""

from collections.abc import Iterator

from deepseek_optimizer import bench
from tests.bench.rows import Row

PAGE = "benchmarks-trainer.md"
GOALS = {"fp16": 0.505, "int8": 0.26, "fp16_quant": 0.20, "int4": 0.135}


def leaving(hosts: int, local: int, kinds: tuple[str, ...]) -> dict[str, float]:
    """Bytes a step that a host sends, of each kind, and of torch's own DDP."""
    with bench.network(hosts):
        ranks = bench.Ranks(hosts, local, 1.0)
        try:
            return {
                kind: sum(a["bytes"] for a in ranks.measure(kind, 3)[::local]) / hosts
                for kind in ("ddp", *kinds)
            }
        finally:
            ranks.close()


def measure() -> Iterator[Row]:
    for hosts in (2, 4):
        kinds = (*GOALS, "topk") if hosts == 2 else tuple(GOALS)
        sent = leaving(hosts, 1, kinds)
        for kind in kinds:
            # The same ratios at four ranks, within 5 %.
            goal = {**GOALS, "topk": 0.02}[kind] * (1.0 if hosts == 2 else 1.05)
            what = f"{kind}, {hosts} hosts of one rank: bytes over torch's DDP"
            yield Row(what=what, value=sent[kind] / sent["ddp"], unit="", goal=goal)
    goals = {"int8": 0.18, "fp16_quant": 0.10, "int4": 0.10}
    sent = leaving(2, 2, tuple(goals))
    for kind, goal in goals.items():
        what = f"{kind}, 2 hosts of two ranks: bytes leaving a host over flat DDP's"
        yield Row(what=what, value=sent[kind] / sent["ddp"], unit="", goal=goal)
