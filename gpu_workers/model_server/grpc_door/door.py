"""The Open Inference Protocol's gRPC service, beside HTTP in the same loop."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import numpy as np

from model_server import protocol
from model_server.errors import RequestError, ServingError
from model_server.grpc_door import inference_pb2
from model_server.metrics import Metrics
from model_server.prediction import picked
from model_server.repository import Repository
from model_server.requests import RequestLimits
from model_server.wire import (
    Array,
    chosen,
    datatype_of,
    dtype_of,
    from_bytes,
    shaped,
    to_bytes,
)

pb: Any = inference_pb2  # what protoc makes has no types
log = logging.getLogger(__name__)
SERVICE = "inference.GRPCInferenceService"
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    404: grpc.StatusCode.NOT_FOUND,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_CONTENTS = {
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "BOOL": "bool_contents",
    "INT64": "int64_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
Context = Any  # grpc.aio.ServicerContext, whose package has no types
Answer = Callable[[Any, Context], Awaitable[Any]]


class GrpcDoor:
    """Answers at ``at`` (host, port) what `protocol` answers over HTTP."""

    def __init__(
        self,
        repository: Repository,
        at: tuple[str, int],
        *,
        limits: RequestLimits,
        metrics: Metrics,
    ) -> None:
        self._repository = repository
        self._host, self._port = at
        self._limits = limits
        self._metrics = metrics
        self._server: Any = None

    async def open(self) -> None:
        most = ("grpc.max_receive_message_length", self._limits.max_bytes)
        alone = ("grpc.so_reuseport", 0)
        self._server = grpc.aio.server(options=[most, alone])
        answers: dict[str, Answer] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ServerMetadata": self._about_server,
            "ModelReady": self._model_ready,
            "ModelMetadata": self._about_model,
            "ModelInfer": self._infer,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                _refusing(answer),
                request_deserializer=getattr(pb, f"{name}Request").FromString,
                response_serializer=getattr(pb, f"{name}Response").SerializeToString,
            )
            for name, answer in answers.items()
        }
        service = grpc.method_handlers_generic_handler(SERVICE, handlers)
        self._server.add_generic_rpc_handlers((service,))
        host = f"[{self._host}]" if ":" in self._host else self._host
        port = self._server.add_insecure_port(f"{host}:{self._port}")
        await self._server.start()
        log.info("gRPC on %s:%d", host, port)

    async def close(self, grace_s: float) -> None:
        await self._server.stop(grace_s)

    async def _live(self, _request: Any, _context: Context) -> Any:
        return pb.ServerLiveResponse(live=True)

    async def _ready(self, _request: Any, _context: Context) -> Any:
        return pb.ServerReadyResponse(ready=self._repository.is_ready)

    async def _about_server(self, _request: Any, _context: Context) -> Any:
        return pb.ServerMetadataResponse(name=protocol.NAME, version=protocol.release())

    async def _model_ready(self, request: Any, _context: Context) -> Any:
        try:
            self._repository.find(request.name, request.version)
        except ServingError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    async def _about_model(self, request: Any, _context: Context) -> Any:
        told = self._repository.find(request.name, request.version).describe()
        fields = ("name", "datatype", "shape")
        tensors = {
            key: [{field: each[field] for field in fields} for each in told[key]]
            for key in ("inputs", "outputs")
        }
        return pb.ModelMetadataResponse(
            name=told["name"],
            versions=told["versions"],
            platform=told["platform"],
            **tensors,
        )

    async def _infer(self, request: Any, context: Context) -> Any:
        began = time.monotonic()
        served = self._repository.find(request.model_name, request.model_version)
        status = 200
        try:
            return await self._inferred(request, began + self._limit_s(context))
        except ServingError as error:
            status = error.status
            raise
        finally:
            took = time.monotonic() - began
            self._metrics.note_request(served.name, served.version, status, took)

    def _limit_s(self, context: Context) -> float:
        left: float | None = context.time_remaining()
        most = self._limits.deadline_s
        return most if left is None else min(most, left)

    async def _inferred(self, request: Any, deadline: float) -> Any:
        served, outputs = await protocol.infer(
            self._repository,
            (request.model_name, request.model_version),
            _inputs(request),
            picked(_plain(request.parameters)),
            deadline=deadline,
        )
        names = chosen([each.name for each in request.outputs], outputs)
        return pb.ModelInferResponse(
            model_name=served.name,
            model_version=served.version,
            id=request.id,
            outputs=[
                pb.ModelInferResponse.InferOutputTensor(
                    name=name,
                    datatype=datatype_of(outputs[name]),
                    shape=outputs[name].shape,
                )
                for name in names
            ],
            raw_output_contents=[to_bytes(outputs[name]) for name in names],
        )


def _refusing(answer: Answer) -> Answer:
    """Tell gRPC's code and our sentence in place of an exception."""

    async def answered(request: Any, context: Context) -> Any:
        try:
            return await answer(request, context)
        except ServingError as error:
            code = _CODES.get(error.status, grpc.StatusCode.INTERNAL)
            await context.abort(code, str(error))

    return answered


def _inputs(request: Any) -> dict[str, Array]:
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RequestError(
            f"{len(request.inputs)} inputs, {len(raw)} raw_input_contents"
        )
    found: dict[str, Array] = {}
    for at, tensor in enumerate(request.inputs):
        name, shape = tensor.name, list(tensor.shape)
        dtype = dtype_of(name, tensor.datatype)
        if name in found:
            raise RequestError(f"the input {name} is given twice")
        if any(side < 0 for side in shape):
            raise RequestError(f"{name}: shape {shape} is not a list of sizes")
        if raw:
            found[name] = from_bytes(name, raw[at], shape, dtype)
            continue
        if tensor.datatype not in _CONTENTS:
            raise RequestError(f"{name}: {tensor.datatype} goes in raw_input_contents")
        values = list(getattr(tensor.contents, _CONTENTS[tensor.datatype]))
        array = np.empty(len(values), dtype)
        array[:] = values
        found[name] = shaped(name, array, shape)
    return found


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(value, str(value.WhichOneof("parameter_choice")), None)
        for name, value in parameters.items()
    }
