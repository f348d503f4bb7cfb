"""One version of one model, ready to answer."""

import asyncio
import base64
import binascii
import io
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from model_server.batching import Batcher, BatchLimits
from model_server.errors import (
    DeadlineError,
    ModelError,
    RequestError,
    ServingError,
    is_out_of_memory,
)
from model_server.metrics import Metrics
from model_server.onnx import OnnxRunner
from model_server.runners import (
    Array,
    ImageRunner,
    RunOptions,
    TensorRunner,
    load_runner,
    one_line,
)

MAX_BATCH = 8
_WARM_UPS = 2
_IMAGE_INPUTS = [
    {"name": "image", "datatype": "BYTES", "shape": [1]},
    {
        "name": "pixels",
        "datatype": "UINT8",
        "shape": [-1, -1, 3],
        "parameters": {"instead_of": "image"},
    },
]
_IMAGE_OUTPUTS = [
    {"name": "boxes", "datatype": "FP32", "shape": [-1, 4]},
    {"name": "scores", "datatype": "FP32", "shape": [-1]},
    {"name": "labels", "datatype": "BYTES", "shape": [-1]},
    {"name": "answer", "datatype": "BYTES", "shape": [1]},
]


@dataclass(slots=True)
class Counts:
    """What the statistics route says; only ever added to."""

    num_done: int = 0
    num_failed: int = 0
    num_runs: int = 0
    busy_s: float = 0.0
    last_at: float = field(default_factory=time.time)


class Served:
    """A loaded runner behind its queue."""

    def __init__(
        self,
        *,
        name: str,
        version: str,
        runner: ImageRunner | TensorRunner,
        limits: BatchLimits,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self.version = version
        self.runner = runner
        self.limits = limits
        self.counts = Counts()
        self._metrics = metrics
        run = self._run_images if isinstance(runner, ImageRunner) else self._run_tensors
        self.queue = Batcher(run, limits, name=name, on_batch=self._note_batch)

    @property
    def takes_images(self) -> bool:
        return isinstance(self.runner, ImageRunner)

    def describe(self) -> dict[str, Any]:
        told = {"name": self.name, "versions": [self.version], **self.runner.describe()}
        if self.takes_images:
            told |= {"inputs": _IMAGE_INPUTS, "outputs": _IMAGE_OUTPUTS}
        return told

    async def predict(
        self, image: bytes | Array, options: Mapping[str, Any], *, deadline: float
    ) -> dict[str, Any]:
        """Answer about one picture.

        Raises:
            RequestError: It is no picture, or this model takes none.
            ServingError: For everything else that may go wrong.
        """
        if not self.takes_images:
            raise RequestError(
                f"{self.name} takes tensors, not pictures: POST to "
                f"/v2/models/{self.name}/infer"
            )
        answer: dict[str, Any] = await self._ask((image, options), deadline, None)
        return answer

    async def infer(
        self,
        inputs: Mapping[str, Array],
        options: Mapping[str, Any],
        *,
        deadline: float,
    ) -> dict[str, Array]:
        if self.takes_images:
            image = _image_of(inputs)
            return _as_tensors(await self.predict(image, options, deadline=deadline))
        key = None
        if isinstance(self.runner, TensorRunner) and self.runner.is_batchable:
            key = tuple(
                (name, value.dtype.str, value.shape[1:])
                for name, value in sorted(inputs.items())
            )
        outputs: dict[str, Array] = await self._ask(
            inputs, deadline, key if key is not None else object()
        )
        return outputs

    def close(self) -> None:
        self.queue.close()

    async def _ask(self, payload: Any, deadline: float, key: Any) -> Any:
        waiting = self.queue.submit(payload, deadline=deadline, key=key)
        try:
            answer = await asyncio.wait_for(
                asyncio.wrap_future(waiting), deadline - time.monotonic()
            )
        except TimeoutError:
            self.counts.num_failed += 1
            raise DeadlineError("the answer did not come in time") from None
        except ServingError:
            self.counts.num_failed += 1
            raise
        self.counts.num_done += 1
        self.counts.last_at = time.time()
        return answer

    def _run_images(self, payloads: Sequence[Any]) -> Sequence[Any]:
        assert isinstance(self.runner, ImageRunner)
        answers: list[Any] = []
        for image, _ in payloads:
            try:
                answers.append(self.runner.read(image))
            except ValueError as error:
                answers.append(RequestError(one_line(error)))
        good = [
            at for at, one in enumerate(answers) if not isinstance(one, RequestError)
        ]
        if good:
            pictures = [answers[at] for at in good]
            options = [payloads[at][1] for at in good]
            try:
                found = self.runner.answer(pictures, options)
            except ValueError as error:
                if len(payloads) > 1:
                    raise  # asked again one by one
                raise RequestError(one_line(error)) from None
            for at, answer in zip(good, found, strict=True):
                answers[at] = answer
        return answers

    def _run_tensors(self, payloads: Sequence[Any]) -> Sequence[Any]:
        assert isinstance(self.runner, TensorRunner)
        try:
            if len(payloads) == 1:
                return [self.runner.run(payloads[0])]
            joined = {
                name: np.concatenate([each[name] for each in payloads])
                for name in payloads[0]
            }
            outputs = self.runner.run(joined)
        except ValueError as error:
            if len(payloads) > 1:
                raise
            raise RequestError(one_line(error)) from None
        return _split(outputs, [len(next(iter(each.values()))) for each in payloads])

    def _note_batch(self, size: int, took_s: float) -> None:
        self.counts.num_runs += 1
        self.counts.busy_s += took_s
        self._metrics.note_batch(self.name, self.version, size)


def load_served(
    directory: Path,
    *,
    name: str,
    version: str,
    options: RunOptions,
    limits: BatchLimits,
    metrics: Metrics,
) -> Served:
    """Load and warm up.

    Raises:
        ModelError: Saying why it cannot be served.
        MemoryError: There is too little.
    """
    runner = load_runner(directory, options)
    if not isinstance(runner, ImageRunner | TensorRunner):
        raise ModelError(
            f"{directory}: its runner answers neither pictures nor tensors"
        )
    try:
        _warm_up(runner)
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError from error
        raise ModelError(
            f"{directory}: loads, but fails on a first request: {one_line(error)}"
        ) from error
    limits = replace(
        limits, max_batch=limits.max_batch or _usual(runner, options, limits)
    )
    return Served(
        name=name, version=version, runner=runner, limits=limits, metrics=metrics
    )


def _usual(
    runner: ImageRunner | TensorRunner, options: RunOptions, limits: BatchLimits
) -> int:
    """Requests in a run: pictures gain nothing from company on a CPU, they wait for it."""
    is_alone = isinstance(runner, ImageRunner) and options.device == "cpu"
    return 1 if is_alone and limits.delay_s == 0 else MAX_BATCH


def _warm_up(runner: ImageRunner | TensorRunner) -> None:
    if isinstance(runner, ImageRunner):
        file = io.BytesIO()
        Image.linear_gradient("L").resize((320, 240)).convert("RGB").save(file, "JPEG")
        for _ in range(_WARM_UPS):
            runner.answer([runner.read(file.getvalue())], [{}])
    elif isinstance(runner, OnnxRunner) and (example := runner.example()) is not None:
        for _ in range(_WARM_UPS):
            runner.run(example)


def _image_of(inputs: Mapping[str, Array]) -> bytes | Array:
    if inputs.keys() == {"image"}:
        image = inputs["image"].reshape(-1)
        if image.dtype != np.object_ or len(image) != 1:
            raise RequestError(
                "image must be BYTES of shape [1]: one file, as it is or in base64"
            )
        return _file_in(bytes(image[0]))
    if inputs.keys() == {"pixels"}:
        pixels = inputs["pixels"]
        if pixels.ndim == 4 and len(pixels) == 1:
            pixels = pixels[0]
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise RequestError("pixels must be UINT8 of shape [height, width, 3]")
        return pixels
    raise RequestError(
        "expected one input, image (BYTES) or pixels (UINT8); got "
        f"{', '.join(sorted(inputs)) or 'none'}"
    )


def _file_in(content: bytes) -> bytes:
    """JSON holds no bytes, so clients put base64 there; no picture's file is base64."""
    text = content.partition(b",")[2] if content.startswith(b"data:") else content
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return content


def _as_tensors(answer: Mapping[str, Any]) -> dict[str, Array]:
    rows = answer.get("detections", answer.get("labels", []))
    boxes = [row["bbox"] for row in rows if "bbox" in row]
    return {
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.array([row["score"] for row in rows], np.float32),
        "labels": np.array([row["label"].encode() for row in rows], np.object_),
        "answer": np.array([json.dumps(answer).encode()], np.object_),
    }


def _split(
    outputs: Mapping[str, Array], sizes: Sequence[int]
) -> list[dict[str, Array]]:
    edges = np.cumsum(sizes)[:-1]
    parts = {name: np.split(value, edges) for name, value in outputs.items()}
    return [
        {name: rows[at] for name, rows in parts.items()} for at in range(len(sizes))
    ]
