"""ONNX files are read without the onnx library; here it is the oracle."""

import math
import random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from apps.marketplace.errors import InvalidModelError
from apps.marketplace.formats.graphs import Port, read_graph
from apps.marketplace.formats.tensors import Layer, Tensor, layers_of, precisions_of


@pytest.fixture
def model() -> onnx.ModelProto:
    weights = [
        numpy_helper.from_array(np.ones((4, 3, 3, 3), np.int8), "stem.conv.weight"),
        numpy_helper.from_array(np.ones(4, np.float32), "stem.conv.bias"),
        numpy_helper.from_array(np.ones((2, 4), np.float16), "head.weight"),
    ]
    branch = helper.make_graph(
        [helper.make_node("Relu", ["y"], ["r"], name="inner")],
        "branch",
        [],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Conv", ["x", "stem.conv.weight"], ["y"], name="stem"),
        helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch),
        helper.make_node("Gelu", ["z"], ["out"], domain="com.microsoft"),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.UINT8, ["batch", 3, 8, None])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, -1])
    graph = helper.make_graph(nodes, "g", [image], [out], weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    opsets.append(helper.make_opsetid("ai.onnx.ml", 5))
    made = helper.make_model(graph, opset_imports=opsets, producer_name="tests")
    helper.set_model_props(made, {"licence": "mit"})
    return made


def test_a_graph_says_what_goes_in_comes_out_and_lies_between(model: onnx.ModelProto):
    graph = read_graph(memoryview(model.SerializeToString()))

    assert graph.inputs == [Port(name="x", dtype="U8", shape=("batch", 3, 8, "?"))]
    assert graph.outputs == [Port(name="out", dtype="F32", shape=(1, -1))]
    assert [node.operator for node in graph.nodes] == [
        "Conv", "If", "Relu", "Relu", "com.microsoft.Gelu",
    ]  # fmt: skip
    assert graph.nodes[0].inputs == ("x", "stem.conv.weight")
    assert graph.operators[0] == ("Relu", 2)
    assert graph.used_opsets == [("", 17), ("com.microsoft", 1)]
    assert (graph.producer, graph.metadata) == ("tests", {"licence": "mit"})
    assert graph.external == []


def test_tensors_add_up_to_what_the_library_counts(model: onnx.ModelProto):
    graph = read_graph(memoryview(model.SerializeToString()))

    told = sum(math.prod(one.dims) for one in model.graph.initializer)
    assert sum(tensor.num_values for tensor in graph.tensors) == told == 120
    assert layers_of(graph.tensors) == [
        Layer(name="stem.conv", num_values=112, num_bytes=124),
        Layer(name="head", num_values=8, num_bytes=16),
    ]
    assert precisions_of(graph.tensors) == ["int8", "fp16", "fp32"]
    assert graph.tensors[2] == Tensor(name="head.weight", dtype="F16", shape=(2, 4))


def test_weights_in_other_files_are_named(model: onnx.ModelProto):
    tensor = model.graph.initializer[0]
    onnx.external_data_helper.set_external_data(tensor, "../../etc/passwd")

    graph = read_graph(memoryview(model.SerializeToString()))

    assert graph.external == ["../../etc/passwd"]


def test_what_is_cut_off_or_changed_is_refused_or_read_but_breaks_nothing(
    model: onnx.ModelProto,
):
    data = model.SerializeToString()
    dice = random.Random(7)
    refused = 0

    for _ in range(300):
        changed = bytearray(data[: dice.randrange(8, len(data))])
        changed[dice.randrange(len(changed))] = dice.randrange(256)
        try:
            read_graph(memoryview(changed))
        except InvalidModelError:
            refused += 1

    assert refused > 250


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", b"\x80\x04\x95.", b"\x0a" + b"\xff" * 12, b"<html>"]
)
def test_other_files_are_refused(data: bytes):
    with pytest.raises(InvalidModelError):
        read_graph(memoryview(data))


def test_a_file_of_countless_parts_is_given_up_on():
    with pytest.raises(InvalidModelError, match="too many parts"):
        read_graph(memoryview(b"\x08\x00" * 1_000_001))
