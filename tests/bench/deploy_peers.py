"""`model_server` beside LitServe and MLServer: one model, one way to decode, two cores.

The peers are installed from the package index into environments that are thrown away.
Each gets what its documentation advises for two cores: two workers, single-threaded
runs. All are asked as they like it: bytes, or base64 in JSON.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from deepseek_vision.hub import SHIPPED
from tests.bench import endpoints
from tests.bench.fire import fire, request_of
from tests.bench.rows import Row
from tests.running import ROOT
from tests.unit.model_server.running import ModelServer

CALLERS, SECONDS, ROUNDS = 4, 8.0, 2
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
    ):
        lit = _installed(Path(folder) / "lit", "litserve")
        # Its workers do not start with what uvloop became in 0.22.
        mls = _installed(Path(folder) / "mls", "mlserver", "uvloop<0.22")
        ours = lit_per_s = mls_per_s = 0.0
        for _ in range(ROUNDS):  # in turn; the best of each is what it can do
            ours = max(ours, _ours(pictures))
            lit_per_s = max(lit_per_s, _litserve(lit, pictures))
            mls_per_s = max(mls_per_s, _mlserver(mls, pictures))
    yield Row(what="model_server", value=ours, unit="pictures/s")
    yield Row(what="LitServe", value=lit_per_s, unit="pictures/s")
    yield Row(what="MLServer", value=mls_per_s, unit="pictures/s")
    for name, value in (("LitServe", lit_per_s), ("MLServer", mls_per_s)):
        yield Row(
            what=f"model_server, of {name}",
            value=ours / value,
            unit="times",
            goal=1.5,
            is_more_better=True,
        )


def _ours(pictures: list[bytes]) -> float:
    server = ModelServer(SHIPPED / endpoints.MODEL, "--workers", "2")
    try:
        return _per_s(server.port, [request_of("/predict", one) for one in pictures])
    finally:
        server.end()


def _litserve(python: Path, pictures: list[bytes]) -> float:
    bodies = [json.dumps({"image": _text(one)}).encode() for one in pictures]
    port = _free_port()
    with _running([python, "serve.py"], {"serve.py": LITSERVE}, port, "/health"):
        return _per_s(port, [_json_request("/predict", one) for one in bodies])


def _mlserver(python: Path, pictures: list[bytes]) -> float:
    bodies = [
        json.dumps(
            {
                "inputs": [
                    {
                        "name": "image",
                        "shape": [1],
                        "datatype": "BYTES",
                        "data": [_text(one)],
                    }
                ]
            }
        ).encode()
        for one in pictures
    ]
    port = _free_port()
    ports = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    settings = {**ports, "parallel_workers": 2}
    model = {"name": "detector", "implementation": "detector.Detector"}
    files = {
        "detector.py": MLSERVER,
        "settings.json": json.dumps(settings),
        "model-settings.json": json.dumps(model),
    }
    command = [python.with_name("mlserver"), "start", "."]
    with _running(command, files, port, "/v2/models/detector/ready"):
        path = "/v2/models/detector/infer"
        return _per_s(port, [_json_request(path, one) for one in bodies])


def _per_s(port: int, requests: list[bytes]) -> float:
    fire("127.0.0.1", port, requests, num_threads=CALLERS, seconds=2)
    answer = fire("127.0.0.1", port, requests, num_threads=CALLERS, seconds=SECONDS)
    assert set(answer["statuses"]) == {200}, answer  # type: ignore[call-overload]
    return float(str(answer["per_s"]))


def _text(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _json_request(path: str, body: bytes) -> bytes:
    whole = request_of(path, body)
    return whole.replace(b"image/jpeg", b"application/json", 1)


def _installed(folder: Path, *packages: str) -> Path:
    """Return the Python of a fresh environment with packages and what models need."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    wanted = (*packages, "onnxruntime", "numpy", "pillow", "safetensors")
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, *wanted], check=True
    )
    return python


def _free_port() -> int:
    """Return a port with two free neighbours, most likely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(
    command: list[str | Path], files: dict[str, str], port: int, ready: str
) -> Iterator[None]:
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
            yield
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
