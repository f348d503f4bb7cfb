"""Reads what an ONNX file says of its graph; weights are passed over, nothing is run."""

from collections import Counter
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.marketplace.errors import InvalidModelError
from apps.marketplace.formats.protobuf import Walk, numbers, span, text
from apps.marketplace.formats.tensors import Tensor

DEEPEST = 8
# TensorProto.DataType, in the words of safetensors where it has one.
DTYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING",
    9: "BOOL", 10: "F16", 11: "F64", 12: "U32", 13: "U64", 16: "BF16", 17: "F8_E4M3",
    18: "F8_E4M3", 19: "F8_E5M2", 20: "F8_E5M2", 21: "U4", 22: "I4",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """What goes in or comes out; a dimension is a number, a name, or "?"."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Graph:
    """What an ONNX file holds.

    Attributes:
        opsets: Domain to version; "" is ONNX's own.
        nodes: In the order they run; those of branches and loops come after theirs.
        external: Files beside it that its weights lie in, as it spells them.
    """

    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    external: list[str] = field(default_factory=list)

    @property
    def used_opsets(self) -> list[tuple[str, int]]:
        """Those that an operator needs: exporters also name what they could have used."""
        domains = {node.operator.rpartition(".")[0] for node in self.nodes}
        return [(name, num) for name, num in self.opsets.items() if name in domains]

    @property
    def operators(self) -> list[tuple[str, int]]:
        """How often each operator stands in it, the commonest first."""
        return Counter(node.operator for node in self.nodes).most_common()


def read_graph(data: memoryview) -> Graph:
    """Read an ONNX file.

    Raises:
        InvalidModelError: It is none, or is cut off.
    """
    graph, walk = Graph(), Walk()
    has_graph = False
    for number, value in walk.fields(data):
        match number:
            case 2:
                graph.producer = f"{text(value)} {graph.producer}".strip()
            case 3:
                graph.producer = f"{graph.producer} {text(value)}".strip()
            case 7:
                has_graph = True
                _read_graph(graph, walk, span(value), depth=0)
            case 8:
                _read_opset(graph, walk, span(value))
            case 14:
                key, said = _pair(walk, span(value))
                graph.metadata[key] = said
    if not has_graph or not graph.opsets:
        raise InvalidModelError(_("not an ONNX file: it has no graph or no opset"))
    weights = {tensor.name for tensor in graph.tensors}
    graph.inputs = [port for port in graph.inputs if port.name not in weights]
    return graph


def _read_opset(graph: Graph, walk: Walk, data: memoryview) -> None:
    domain, version = "", 0
    for number, value in walk.fields(data):
        if number == 1:
            domain = text(value)
        elif number == 2 and isinstance(value, int):
            version = value
    graph.opsets[domain] = version


def _read_graph(graph: Graph, walk: Walk, data: memoryview, *, depth: int) -> None:
    if depth > DEEPEST:
        raise InvalidModelError(_("the graphs of the ONNX file are nested too deep"))
    for number, value in walk.fields(data):
        match number:
            case 1:
                _read_node(graph, walk, span(value), depth=depth)
            case 5:
                graph.tensors.append(_tensor(graph, walk, span(value)))
            case 11 if depth == 0:
                graph.inputs.append(_port(walk, span(value)))
            case 12 if depth == 0:
                graph.outputs.append(_port(walk, span(value)))


def _read_node(graph: Graph, walk: Walk, data: memoryview, *, depth: int) -> None:
    inputs, outputs, name, operator, domain = [], [], "", "", ""
    attributes = []
    for number, value in walk.fields(data):
        match number:
            case 1:
                inputs.append(text(value))
            case 2:
                outputs.append(text(value))
            case 3:
                name = text(value)
            case 4:
                operator = text(value)
            case 5:
                attributes.append(span(value))
            case 7:
                domain = text(value)
    is_plain = domain in {"", "ai.onnx"}
    graph.nodes.append(
        Node(
            name=name,
            operator=operator if is_plain else f"{domain}.{operator}",
            inputs=tuple(inputs),
            outputs=tuple(outputs),
        )
    )
    for attribute in attributes:
        _read_attribute(graph, walk, attribute, depth=depth)


def _read_attribute(graph: Graph, walk: Walk, data: memoryview, *, depth: int) -> None:
    """Go into the graphs of branches; of tensors only where they lie matters."""
    for number, value in walk.fields(data):
        if number in {6, 11}:
            _read_graph(graph, walk, span(value), depth=depth + 1)
        elif number in {5, 10}:
            _tensor(graph, walk, span(value))


def _tensor(graph: Graph, walk: Walk, data: memoryview) -> Tensor:
    shape: list[int] = []
    name, dtype = "", 0
    for number, value in walk.fields(data):
        match number:
            case 1:
                shape += numbers(value)
            case 2 if isinstance(value, int):
                dtype = value
            case 8:
                name = text(value)
            case 13:
                key, said = _pair(walk, span(value))
                if key == "location" and said not in graph.external:
                    graph.external.append(said)
    return Tensor(name=name, dtype=DTYPES.get(dtype, "?"), shape=tuple(shape))


def _pair(walk: Walk, data: memoryview) -> tuple[str, str]:
    found = {number: text(value) for number, value in walk.fields(data)}
    return found.get(1, ""), found.get(2, "")


def _port(walk: Walk, data: memoryview) -> Port:
    name, dtype = "", "?"
    shape: tuple[int | str, ...] = ()
    for number, value in walk.fields(data):
        if number == 1:
            name = text(value)
        elif number == 2:
            for inner, kind in walk.fields(span(value)):
                if inner == 1:  # a tensor; sequences and maps have no shape
                    dtype, shape = _typed(walk, span(kind))
    return Port(name=name, dtype=dtype, shape=shape)


def _typed(walk: Walk, data: memoryview) -> tuple[str, tuple[int | str, ...]]:
    dtype = "?"
    shape: list[int | str] = []
    for number, value in walk.fields(data):
        if number == 1 and isinstance(value, int):
            dtype = DTYPES.get(value, "?")
        elif number == 2:
            shape += [_side(walk, span(one)) for _n, one in walk.fields(span(value))]
    return dtype, tuple(shape)


def _side(walk: Walk, data: memoryview) -> int | str:
    for number, value in walk.fields(data):
        if number == 1:
            return numbers(value)[0] if isinstance(value, int) else "?"
        if number == 2:
            return text(value)[:80]
    return "?"
