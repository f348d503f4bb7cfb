"""The routes of the Open Inference Protocol v2."""

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from model_server.batching import ClosedError
from model_server.errors import RequestError
from model_server.prediction import picked
from model_server.repository import Repository
from model_server.requests import Answer, Request
from model_server.served import Served
from model_server.wire import HEADER_LENGTH, Array, read_request, write_response

NAME = "dsportal-model-server"
EXTENSIONS = ["binary_tensor_data", "model_repository", "statistics"]


def release() -> str:
    try:
        return version("dsportal")
    except PackageNotFoundError:  # in a bundle
        return "bundle"


def server_metadata() -> Answer:
    told = {"name": NAME, "version": release()}
    return Answer.json({**told, "extensions": EXTENSIONS})


async def infer(
    repository: Repository,
    wanted: tuple[str, str],
    inputs: Mapping[str, Array],
    options: Mapping[str, Any],
    *,
    deadline: float,
) -> tuple[Served, dict[str, Array]]:
    """Ask the version that answers now; once more if it was replaced meanwhile."""
    served = repository.find(*wanted)
    try:
        return served, await served.infer(inputs, options, deadline=deadline)
    except ClosedError:
        served = repository.find(*wanted)
        return served, await served.infer(inputs, options, deadline=deadline)


class Infer:
    """Tensors in, tensors out."""

    def __init__(self, name: str, version: str) -> None:
        self._wanted = (name, version)

    async def __call__(self, repository: Repository, request: Request) -> Answer:
        repository.find(*self._wanted)  # before a long body is read for nobody
        body = await request.body()
        asked = read_request(body, request.number(HEADER_LENGTH))
        deadline = request.deadline(asked.parameters.get("timeout"))
        options = picked(asked.parameters)
        served, outputs = await infer(
            repository, self._wanted, asked.inputs, options, deadline=deadline
        )
        content, length = write_response(
            asked, outputs, name=served.name, version=served.version
        )
        if length is None:
            return Answer(body=content)
        return Answer(
            body=content,
            kind=b"application/octet-stream",
            headers=[(HEADER_LENGTH, str(length).encode())],
        )


def _metadata(served: Served) -> Answer:
    return Answer.json(served.describe())


def _ready(served: Served) -> Answer:
    return Answer.json({"name": served.name, "ready": True})


def _config(served: Served) -> Answer:
    told = served.describe()
    tensors = {
        key: [
            {
                "name": each["name"],
                "data_type": f"TYPE_{_triton_type(each['datatype'])}",
                "dims": each["shape"],
            }
            for each in told[f"{key}s"]
        ]
        for key in ("input", "output")
    }
    batch = served.limits.max_batch
    return Answer.json(
        {"name": served.name, "platform": told["platform"], "max_batch_size": 0}
        | tensors
        | {"dynamic_batching": {"preferred_batch_size": [batch]}}
    )


def _triton_type(datatype: str) -> str:
    return "STRING" if datatype == "BYTES" else datatype


def _statistics(served: Served) -> Answer:
    counts = served.counts
    busy_ns = int(counts.busy_s * 1e9)
    row = {
        "name": served.name,
        "version": served.version,
        "last_inference": int(counts.last_at * 1000),
        "inference_count": counts.num_done,
        "execution_count": counts.num_runs,
        "inference_stats": {
            "success": {"count": counts.num_done, "ns": busy_ns},
            "fail": {"count": counts.num_failed, "ns": 0},
        },
    }
    return Answer.json({"model_stats": [row]})


ABOUT: dict[str | None, Callable[[Served], Answer]] = {
    None: _metadata,
    "ready": _ready,
    "config": _config,
    "stats": _statistics,
}


def check_name(name: str) -> str:
    """A name that can stand in a URL.

    Raises:
        RequestError: It cannot.
    """
    if not name or any(each in name for each in "/?#%\\ "):
        raise RequestError(f"{name!r} cannot be a model's name or version")
    return name
