"""An endpoint on real processes: killed, switched, restarted, always answering."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.stack import Stack, running_stack

pytestmark = pytest.mark.faults

DEPLOY = """
import json
from apps.accounts.models import User
from apps.deployments.services import endpoints, keys
from apps.deployments.types import NewEndpoint
user = User.objects.first()
workspace = user.memberships.first().workspace_id
new = NewEndpoint(name="line", model="deepseek_vision_v2", num_replicas=2)
endpoint = endpoints.create_endpoint(user=user, workspace_id=workspace, new=new)
_key, text = keys.create_key(user=user, endpoint_id=endpoint.pk, name="test")
_, limited = keys.create_key(
    user=user, endpoint_id=endpoint.pk, name="few", per_minute=2)
print(json.dumps([endpoint.slug, text, limited]))
"""
SWITCH = """
import json
from apps.accounts.models import User
from apps.deployments.models import Endpoint
from apps.deployments.services import releases
from apps.deployments.types import Rollout
releases.release_model(user=User.objects.first(), endpoint_id=Endpoint.objects.get().pk,
    model="deepseek_vision_v2_general20", rollout=Rollout.SWITCH)
print(json.dumps(None))
"""
BACK = """
import json
from apps.accounts.models import User
from apps.deployments.models import Endpoint
from apps.deployments.services import releases
releases.roll_back(user=User.objects.first(), endpoint_id=Endpoint.objects.get().pk)
print(json.dumps(None))
"""


# A runner as another package would bring it; it takes its process along.
CRASHING = """
import os
import signal

class Crashing:
    num = 0

    def describe(self):
        return {"platform": "crashing", "inputs": [], "outputs": []}

    def read(self, image):
        return image

    def answer(self, pictures, options):
        if b"deadly" in pictures:
            os.kill(os.getpid(), signal.SIGSEGV)
        Crashing.num += len(pictures)
        if Crashing.num >= 100:
            os._exit(139)
        return [{"width": 1, "height": 1, "labels": []} for _ in pictures]

def load(directory, options):
    return Crashing()
"""
DEPLOY_CRASHING = """
import json
from pathlib import Path
from apps.accounts.models import User
from apps.deployments.services import endpoints, keys
from apps.deployments.types import NewEndpoint
from apps.marketplace.services.publishing import publish_model
user = User.objects.first()
workspace = user.memberships.first().workspace_id
made = publish_model(user=user, workspace_id=workspace, name="crashing", message="x",
                     folder=Path({folder!r}))
new = NewEndpoint(name="bad", model=made.full_name, num_replicas=2)
endpoint = endpoints.create_endpoint(user=user, workspace_id=workspace, new=new)
_key, text = keys.create_key(user=user, endpoint_id=endpoint.pk, name="test")
print(json.dumps([endpoint.slug, text]))
"""
RESTARTS = """
import json
from apps.deployments import selectors
from apps.deployments.models import Endpoint, endpoint_state
bad = Endpoint.objects.get(name="bad")
replicas = selectors.list_replicas(endpoint_id=bad.pk)
print(json.dumps(sum(one.restarts for one in replicas)))
"""


class Caller:
    """Asks without pause from two threads, and remembers what came back."""

    def __init__(self, url: str, key: str, image: bytes) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()
        self.wrong: list[str] = []
        self._url, self._image = url, image
        self._headers = {"Authorization": f"Bearer {key}"}
        self._expected: dict[str, Any] = {}
        self._is_done = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(2)]

    def __enter__(self) -> "Caller":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, version: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        before = self.answers[200, version]
        while self.answers[200, version] < before + 3:
            assert time.monotonic() < deadline, self.answers
            time.sleep(0.05)

    def _call(self) -> None:
        with httpx.Client(timeout=60) as client:
            while not self._is_done.is_set():
                reply = client.post(
                    self._url, content=self._image, headers=self._headers
                )
                version = reply.headers.get("x-model-version", "")
                self.answers[reply.status_code, version] += 1
                if reply.status_code != 200:
                    self.wrong.append(reply.text)
                    continue
                found = reply.json()["detections"]
                if self._expected.setdefault(version, found) != found:
                    self.wrong.append(reply.text)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("replicas")
    parts = ("web", "replicas")
    plugins = _plugins(tmp_path_factory.mktemp("plugins"))
    with running_stack(
        folder, num_images=1, parts=parts, PYTHONPATH=str(plugins)
    ) as running:
        yield running


def _plugins(folder: Path) -> Path:
    """An installed package with a runner of its own."""
    info = folder / "crashing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: crashing\nVersion: 1\n"
    )
    (info / "entry_points.txt").write_text(
        "[model_server.runners]\ncrashing = crashing:load\n"
    )
    (folder / "crashing.py").write_text(CRASHING)
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from deepseek_vision.synthetic.production_line import (  # noqa: PLC0415 -- not for collection
        write_production_line,
    )

    folder = tmp_path_factory.mktemp("line")
    write_production_line(folder, num_images=1, seed=8)
    return next((folder / "images").iterdir()).read_bytes()


def _servers(name: str = "line") -> list[psutil.Process]:
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if "model_server" in (each.info["cmdline"] or [])
        and any(part.startswith(f"{name}-") for part in each.info["cmdline"])
    ]


def test_an_endpoint_answers_through_kills_switches_and_restarts(
    stack: Stack, picture: bytes
):
    slug, key, limited = stack.python(DEPLOY)
    url = f"{stack.url}/e/{slug}/predict"
    first = httpx.post(
        url, content=picture, headers={"Authorization": f"Bearer {key}"}, timeout=60
    )
    one = first.headers["x-model-version"]
    assert first.status_code == 200
    assert first.json()["detections"]

    with Caller(url, key, picture) as caller:
        for _ in range(3):
            _servers()[0].kill()
            caller.wait_for(one)
        stack.python(SWITCH)
        two = _other_version(caller, one)
        stack.python(BACK)
        caller.wait_for(one)
        stack.kill("replicas")  # its replicas see that, and end themselves
        stack.start("replicas")
        caller.wait_for(one)

    assert caller.wrong == []
    assert set(caller.answers) == {(200, one), (200, two)}
    _check_refusals(stack, url, key, limited)


def test_a_model_that_dies_at_its_hundredth_request_loses_none(
    stack: Stack, tmp_path: Path
):
    (tmp_path / "config.json").write_text('{"format": "crashing"}')
    (tmp_path / "model.onnx").write_bytes(b"weights")
    slug, key = stack.python(DEPLOY_CRASHING.format(folder=str(tmp_path)))
    url = f"{stack.url}/e/{slug}/predict"

    with httpx.Client(timeout=60, headers={"Authorization": f"Bearer {key}"}) as client:
        answers = Counter(
            client.post(url, content=b"x").status_code for _ in range(250)
        )
        _check_what_is_deadly(client, url)

    assert answers == {200: 250}
    assert stack.python(RESTARTS) >= 1  # the ledger of what went wrong is on the page


def _check_what_is_deadly(client: httpx.Client, url: str) -> None:
    """It ends three processes, however often it is sent, and gets a clear answer."""
    refused = client.post(url, content=b"deadly")
    after = {each.pid for each in _servers("bad")}
    again = client.post(url, content=b"deadly")

    assert (refused.status_code, again.status_code) == (500, 500)
    assert (
        "three processes ended while they read this request" in refused.json()["error"]
    )
    assert client.post(url, content=b"x").status_code == 200
    assert after <= {each.pid for each in _servers("bad")}


def _other_version(caller: Caller, one: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        others = {version for _, version in caller.answers} - {one}
        if others:
            return others.pop()
        assert time.monotonic() < deadline, caller.answers
        time.sleep(0.05)


def _check_refusals(stack: Stack, url: str, key: str, limited: str) -> None:
    def post(path: str = url, given: str = key, body: bytes = b"x") -> httpx.Response:
        headers = {"Authorization": f"Bearer {given}", "X-Request-Id": "mine"}
        return httpx.post(path, content=body, headers=headers, timeout=30)

    no_picture = post()
    assert (no_picture.status_code, no_picture.headers["x-request-id"]) == (400, "mine")
    assert post(given="dsk_wrong").status_code == 401
    assert post(f"{stack.url}/e/nowhere/predict").status_code == 404
    assert post(url.replace("/predict", "/metrics")).status_code == 404
    load = url.replace("/predict", "/v2/repository/models/x/load")
    assert post(load).status_code == 403
    unknown = post(f"{stack.url}/e/{url.split('/')[-2]}/v2/models/x/versions/9/infer")
    assert unknown.status_code == 404
    assert "there are: line-" in unknown.json()["error"]
    _check_a_gigabyte(stack, url, key)
    assert [post(given=limited).status_code for _ in range(3)] == [400, 400, 429]


def _check_a_gigabyte(stack: Stack, url: str, key: str) -> None:
    """It is refused before it is sent."""
    connection = http.client.HTTPConnection(stack.url.rpartition("/")[2], timeout=10)
    connection.putrequest("POST", f"/e/{url.partition('/e/')[2]}")
    connection.putheader("Authorization", f"Bearer {key}")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("connection")) == (413, "close")
    connection.close()
