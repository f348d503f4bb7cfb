"""`model_server` beside LitServe and MLServer: one graph, two cores; why no more: decision 247.

The peers are installed from the package index into environments that are thrown away.
Each gets what its documentation advises for two cores: two workers, single-threaded
runs. All are asked as they like it: bytes, or base64 in JSON.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from deepseek_vision.hub import SHIPPED
from tests.bench import endpoints
from tests.bench.fire import fire, request_of
from tests.bench.rows import Row
from tests.bench.serving import loop_ms
from tests.running import ROOT, free_port
from tests.unit.model_server.running import ModelServer

CALLERS, SECONDS, ROUNDS = 4, 2.5, 12
LITSERVE = """
import base64
import os
from pathlib import Path
import litserve
from deepseek_vision.serving import load

class Detector(litserve.LitAPI):
    def setup(self, device):
        options = {"precision": "int8", "num_threads": 1, "device": "cpu"}
        self.runner = load(Path(os.environ["MODEL"]), options)
    def decode_request(self, request):
        return base64.b64decode(request["image"])
    def predict(self, image):
        return self.runner.answer([self.runner.read(image)], [{}])[0]
    def encode_response(self, output):
        return output

if __name__ == "__main__":
    server = litserve.LitServer(Detector(), accelerator="cpu", workers_per_device=2)
    server.run(port=int(os.environ["PORT"]), generate_client_file=False, log_level="warning")
"""
MLSERVER = """
import base64
import json
import os
from pathlib import Path
from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceResponse
from deepseek_vision.serving import load

class Detector(MLModel):
    async def load(self):
        options = {"precision": "int8", "num_threads": 1, "device": "cpu"}
        self.runner = load(Path(os.environ["MODEL"]), options)
        return True
    async def predict(self, payload):
        image = base64.b64decode(StringCodec.decode_input(payload.inputs[0])[0])
        answer = self.runner.answer([self.runner.read(image)], [{}])[0]
        output = StringCodec.encode_output("answer", [json.dumps(answer)])
        return InferenceResponse(model_name=self.name, outputs=[output])
"""


def measure() -> Iterator[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="peers-") as folder,
        endpoints.pictures(8) as pictures,
        ExitStack() as stack,
    ):
        lit = installed(Path(folder) / "lit", "litserve")
        # Its workers do not start with what uvloop became in 0.22.
        mls = installed(Path(folder) / "mls", "mlserver", "uvloop<0.22")
        servers = [
            stack.enter_context(_ours(pictures)),
            stack.enter_context(_litserve(lit, pictures)),
            stack.enter_context(_mlserver(mls, pictures)),
        ]
        for each in servers:
            each.slice()  # warm
        for _ in range(ROUNDS):  # in turn: what neighbours do changes slowly
            for each in servers:
                each.slices.append(each.slice())
        loop = _loop_ms(pictures)
    yield from _rows(servers, loop)


def _rows(servers: "Sequence[_Running]", loop_ms: float) -> Iterator[Row]:
    ours, *peers = servers
    for each in servers:
        yield Row(what=each.name, value=each.per_s, unit="pictures/s")
    for each in servers:
        what = f"{each.name}, processor time a picture"
        yield Row(what=what, value=each.core_ms, unit="ms of a core")
    what = "the same in a loop without a server, two threads"
    yield Row(what=what, value=loop_ms, unit="ms of a core")
    for peer in peers:
        yield Row(
            what=f"model_server, of {peer.name}",
            value=statistics.median(
                mine.per_s / its.per_s
                for mine, its in zip(ours.slices, peer.slices, strict=True)
            ),
            unit="times",
            goal=1.5,
            is_more_better=True,
        )
        what = f"the most that a server without any cost could be of {peer.name}"
        yield Row(what=what, value=peer.core_ms / loop_ms, unit="times")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slice:
    per_s: float
    core_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A server that waits, and what it did while it was asked."""

    name: str
    port: int
    requests: list[bytes]
    process: psutil.Process
    slices: list[_Slice] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return statistics.median(each.per_s for each in self.slices)

    @property
    def core_ms(self) -> float:
        return statistics.median(each.core_ms for each in self.slices)

    def slice(self) -> _Slice:
        before = self._cpu_s()
        answer = fire(
            *("127.0.0.1", self.port, self.requests),
            num_threads=CALLERS,
            seconds=SECONDS,
        )
        assert list(answer["statuses"]) == [200], answer  # type: ignore[call-overload]
        num = answer["statuses"][200]  # type: ignore[index]
        spent_ms = (self._cpu_s() - before) * 1000
        return _Slice(per_s=float(str(answer["per_s"])), core_ms=spent_ms / num)

    def _cpu_s(self) -> float:
        family = [self.process, *self.process.children(recursive=True)]
        return float(sum(sum(each.cpu_times()[:2]) for each in family))


@contextmanager
def _ours(pictures: list[bytes]) -> Iterator[_Running]:
    server = ModelServer(SHIPPED / endpoints.MODEL, "--workers", "2")
    try:
        yield _Running(
            name="model_server",
            port=server.port,
            requests=[request_of("/predict", one) for one in pictures],
            process=psutil.Process(server.process.pid),
        )
    finally:
        server.end()


@contextmanager
def _litserve(python: Path, pictures: list[bytes]) -> Iterator[_Running]:
    bodies = [json.dumps({"image": _text(one)}).encode() for one in pictures]
    port = free_port()
    files = {"serve.py": LITSERVE}
    with _running([python, "serve.py"], files, port, "/health") as process:
        yield _Running(
            name="LitServe",
            port=port,
            requests=[_json_request("/predict", one) for one in bodies],
            process=process,
        )


@contextmanager
def _mlserver(python: Path, pictures: list[bytes]) -> Iterator[_Running]:
    tensor = {"name": "image", "shape": [1], "datatype": "BYTES"}
    bodies = [
        json.dumps({"inputs": [{**tensor, "data": [_text(one)]}]}).encode()
        for one in pictures
    ]
    port = free_port()
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    settings = {**ports, "parallel_workers": 2}
    model = {"name": "detector", "implementation": "detector.Detector"}
    files = {
        "detector.py": MLSERVER,
        "settings.json": json.dumps(settings),
        "model-settings.json": json.dumps(model),
    }
    command: list[str | Path] = [python.with_name("mlserver"), "start", "."]
    ready = "/v2/models/detector/ready"
    with _running(command, files, port, ready) as process:
        path = "/v2/models/detector/infer"
        yield _Running(
            name="MLServer",
            port=port,
            requests=[_json_request(path, one) for one in bodies],
            process=process,
        )


def _loop_ms(pictures: list[bytes]) -> float:
    """Processor time of a picture where nothing but the model is asked."""
    with tempfile.TemporaryDirectory() as folder:
        for number, one in enumerate(pictures):
            (Path(folder) / f"{number}.jpg").write_bytes(one)
        return statistics.median(loop_ms(folder) for _ in range(ROUNDS // 4))


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _json_request(path: str, body: bytes) -> bytes:
    whole = request_of(path, body)
    return whole.replace(b"image/jpeg", b"application/json", 1)


def installed(folder: Path, *packages: str) -> Path:
    """Return the Python of a fresh environment with packages and what models need."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    wanted = (*packages, "onnxruntime", "numpy", "pillow", "safetensors")
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, *wanted], check=True
    )
    return python


@contextmanager
def _running(
    command: list[str | Path], files: dict[str, str], port: int, ready: str
) -> Iterator[psutil.Process]:
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            (Path(folder) / name).write_text(text)
        process = psutil.Popen(
            command,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "gpu_workers"),
                "MODEL": str(SHIPPED / endpoints.MODEL),
                "PORT": str(port),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(f"http://127.0.0.1:{port}{ready}")
            yield process
        finally:
            family = [*process.children(recursive=True), process]
            for each in family:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(family)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(url, timeout=2).is_success:
                return
        assert time.monotonic() < deadline, f"{url} is not ready in a minute"
        time.sleep(0.2)
