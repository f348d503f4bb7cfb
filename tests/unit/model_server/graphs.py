"""Small ONNX files made here, so that every number of an answer is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(
    folder: Path, nodes: list[Any], inputs: Any, outputs: Any, **values: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.save(model, str(folder / "model.onnx"))
    return folder


def tensor(name: str, kind: int, shape: list[Any]) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def adder(folder: Path, *, plus: float = 1.0) -> Path:
    """Any number of rows of three, plus a number."""
    return save(
        folder,
        [helper.make_node("Add", ["x", "plus"], ["y"])],
        [tensor("x", TensorProto.FLOAT, ["n", 3])],
        [tensor("y", TensorProto.FLOAT, ["n", 3])],
        plus=np.array([plus], np.float32),
    )


def picker(folder: Path) -> Path:
    """Gives table[i]; fails inside the runtime where i is not in 0 to 3."""
    return save(
        folder,
        [helper.make_node("Gather", ["table", "i"], ["value"])],
        [tensor("i", TensorProto.INT64, [1])],
        [tensor("value", TensorProto.FLOAT, [1])],
        table=np.arange(4, dtype=np.float32),
    )


def greedy(folder: Path) -> Path:
    """Wants 32 TiB for any answer."""
    return save(
        folder,
        [
            helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
            helper.make_node("ReduceMax", ["zeros"], ["most"], keepdims=0),
            helper.make_node("Add", ["x", "most"], ["y"]),
        ],
        [tensor("x", TensorProto.FLOAT, [1, 3])],
        [tensor("y", TensorProto.FLOAT, [1, 3])],
        size=np.array([2**43], np.int64),
    )


def constant_vision(
    folder: Path, outputs: dict[str, np.ndarray], config: dict[str, Any], *, side: int
) -> Path:
    """Takes a picture, and answers the same numbers whatever it shows."""
    nodes = [
        helper.make_node("ReduceMax", ["image"], ["most"], keepdims=0),
        helper.make_node("Mul", ["most", "zero"], ["nothing"]),
    ]
    infos = []
    values = {}
    for name, value in outputs.items():
        values[f"{name}_value"] = value.astype(np.float32)
        nodes.append(helper.make_node("Add", [f"{name}_value", "nothing"], [name]))
        infos.append(tensor(name, TensorProto.FLOAT, list(value.shape)))
    save(
        folder,
        nodes,
        [tensor("image", TensorProto.FLOAT, [1, 3, side, side])],
        infos,
        zero=np.array(0, np.float32),
        **values,
    )
    wire = {
        "format": "onnx-vision",
        "name": folder.name,
        "classes": ["cat", "dog"],
        "input": {"width": side, "height": side},
        **config,
    }
    (folder / "config.json").write_text(json.dumps(wire))
    return folder
