"""Which units of a model no picture excites."""

from typing import Any

import numpy as np
import onnx

from deepseek_diagnostics.case import Case
from deepseek_diagnostics.data import Floats
from deepseek_diagnostics.graphs import (
    Graph,
    float_file,
    layers_of,
    pixels_of,
    prompts_of,
    readable,
    sample,
)

NUM_PROBED = 8


def units_of(case: Case) -> list[tuple[str, int, int, float]]:
    """Each layer's name, units, units that no picture excites, and mean weight."""
    model = onnx.load(float_file(case))
    following = {name: node for node in model.graph.node for name in node.input}
    watched: list[tuple[onnx.NodeProto, Any, str]] = []
    for node, weights in layers_of(model):
        after = following.get(node.output[0])
        if after is not None and after.op_type in {"Relu", "Clip"}:
            watched.append((node, weights, after.output[0]))
    graph = Graph(
        model,
        reads=[read for _n, _w, read in watched],
        num_threads=case.spec.num_threads,
    )
    prompts = prompts_of(case)
    most: dict[str, Floats] = {}
    for image in sample(case, NUM_PROBED, "health"):
        case.tell(0)
        answer = graph.run(pixels_of(case, image), prompts)
        for _node, _weights, read in watched:
            top = answer[read][0].max(axis=(1, 2))
            most[read] = np.maximum(most.get(read, top), top)
    return [
        (
            readable(node.name), len(weights), int((most[read] <= 0).sum()),
            round(float(np.abs(weights).mean()), 5),
        )
        for node, weights, read in watched
    ]  # fmt: skip
