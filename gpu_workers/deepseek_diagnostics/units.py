"""What weights and activations of a model's layers look like on some pictures."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer's units.

    Attributes:
        num_dead: Units that no picture excites.
        weight: Mean size of its weights; ``weight_spread`` their deviation.
        fired: Mean of what it answers; ``fired_spread`` its deviation.
        silent: The share of its answers that are nothing.
    """

    name: str
    num: int
    num_dead: int
    weight: float
    weight_spread: float
    fired: float
    fired_spread: float
    silent: float


def layers_seen(case: Case) -> list[Layer]:
    """Every layer that is cut off below, as eight pictures excite it."""
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
    sums: dict[str, Floats] = {}
    images = sample(case, NUM_PROBED, "health")
    for image in images:
        case.tell(0)
        answer = graph.run(pixels_of(case, image), prompts)
        for _node, _weights, read in watched:
            x = answer[read][0].astype(np.float64)
            most[read] = np.maximum(most.get(read, 0.0), x.max(axis=(1, 2)))
            moments = np.array([x.mean(), (x**2).mean(), (x <= 0).mean()])
            sums[read] = sums.get(read, np.zeros(3)) + moments / len(images)
    return [
        _layer(node, weights, most[read], sums[read]) for node, weights, read in watched
    ]


def _layer(node: onnx.NodeProto, weights: Any, most: Floats, sums: Floats) -> Layer:
    mean, square, silent = sums.tolist()
    return Layer(
        name=readable(node.name),
        num=len(weights),
        num_dead=int((most <= 0).sum()),
        weight=float(np.abs(weights).mean()),
        weight_spread=float(weights.std()),
        fired=mean,
        fired_spread=float(max(0.0, square - mean**2) ** 0.5),
        silent=silent,
    )
