"""An endpoint as Label Studio's ML backend, asked with the bodies that it sends."""

import base64
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.types import Scope
from apps.deployments.models import Endpoint
from deepseek_vision.hub import SHIPPED
from deepseek_vision.synthetic.production_line import write_production_line
from tests.factories.deployments import EndpointFactory, ReleaseFactory, ReplicaFactory
from tests.unit.model_server.running import ModelServer

pytestmark = pytest.mark.django_db
CONFIG = (
    '<View><Image name="img" value="$image"/>'
    '<RectangleLabels name="box" toName="img" smart="true">'
    '<Label value="Dent"/><Label value="Hole" predicted_values="pit, crater"/>'
    "</RectangleLabels></View>"
)


@pytest.fixture(scope="module")
def replica_port() -> Iterator[int]:
    model = f"m={SHIPPED / 'deepseek_vision_v2'}"
    server = ModelServer(model, "--workers", "1", wait=False)
    server.wait_until_ready(120)
    yield server.port
    server.end()


class _Uploads(http.server.BaseHTTPRequestHandler):
    """Label Studio's own door to uploads, which a token opens."""

    picture = b""

    def do_GET(self) -> None:
        is_open = self.headers["Authorization"] == "Token ls-secret"
        is_there = self.path in {"/data/upload/part.jpg", "/public.jpg"}
        is_open = is_open or self.path == "/public.jpg"
        self.send_response(200 if is_open and is_there else 401)
        self.end_headers()
        self.wfile.write(self.picture if is_open and is_there else b"")

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("line")
    write_production_line(folder, num_images=1, seed=8)
    (picture,) = (folder / "images").iterdir()
    _Uploads.picture = Path(picture).read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Uploads)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def endpoint(workspace: Any, replica_port: int) -> Endpoint:
    endpoint = EndpointFactory(workspace=workspace)
    release = ReleaseFactory(endpoint=endpoint, revision="abc123def456")
    ReplicaFactory(release=release, port=replica_port)
    endpoint.stable = release
    endpoint.save()
    return endpoint


@pytest.fixture
def backend(endpoint: Endpoint, vera: Any, token_for: Any, settings: Any) -> Any:
    """Label Studio as it asks: Basic, a token for the password, no slash at the end."""
    settings.FETCH_FROM_PRIVATE_NETWORKS = True
    secret = token_for(vera, Scope.READ)
    basic = base64.b64encode(f"label-studio:{secret}".encode()).decode()
    client = APIClient(headers={"Authorization": f"Basic {basic}"})
    prefix = f"/api/v1/deployments/endpoints/{endpoint.pk}/label-studio"

    def ask(name: str, body: Any = None) -> Any:
        if body is None:
            return client.get(f"{prefix}/{name}")
        return client.post(f"{prefix}/{name}", body, format="json")

    return ask


def setup_body(host: str) -> dict[str, Any]:
    return {
        "project": "5.1795462386",
        "schema": CONFIG,
        "hostname": host,
        "access_token": "ls-secret",
        "extra_params": None,
    }


def predict_body(*addresses: object, config: str = CONFIG) -> dict[str, Any]:
    tasks = [
        {
            "id": number,
            "data": {"image": address},
            "meta": {},
            "created_at": "2026-11-20T10:00:00.000000Z",
            "updated_at": "2026-11-20T10:00:00.000000Z",
            "is_labeled": False,
            "overlap": 1,
            "inner_id": number,
            "project": 5,
            "annotations": [],
            "predictions": [],
        }
        for number, address in enumerate(addresses, start=1)
    ]
    return {
        "tasks": tasks,
        "project": "5.1795462386",
        "label_config": config,
        "params": {"login": None, "password": None, "context": None},
    }


def test_it_is_up_hears_of_a_project_and_names_its_version(backend, endpoint):
    health, setup = backend("health"), backend("setup", setup_body("http://ls:8080"))

    assert health.json() == {"status": "UP", "model_class": "abc123def456"}
    assert setup.json() == {"model_version": "abc123def456"}
    assert backend("versions").json() == {"versions": ["abc123def456"]}
    for news in ("webhook", "validate", "train", "job_status"):
        assert backend(news, {"action": "START_TRAINING"}).json() == {}


def test_what_is_found_comes_in_the_projects_words_and_in_per_cent(
    backend, label_studio
):
    backend("setup", setup_body(label_studio))

    answer = backend(
        "predict", predict_body("/data/upload/part.jpg", f"{label_studio}/public.jpg")
    )

    uploaded, public = answer.json()["results"]
    assert uploaded["model_version"] == "1"
    assert [r["value"] for r in uploaded["result"]] == [
        r["value"] for r in public["result"]
    ]
    words = {name for r in public["result"] for name in r["value"]["rectanglelabels"]}
    assert words <= {"Dent", "Hole"}
    assert words
    for region in public["result"]:
        assert (region["from_name"], region["to_name"]) == ("box", "img")
        assert region["type"] == "rectanglelabels"
        assert (region["original_width"], region["original_height"]) == (640, 480)
        value = region["value"]
        assert 0 <= value["x"] < value["x"] + value["width"] <= 100.001
        assert 0 <= value["y"] < value["y"] + value["height"] <= 100.001
        assert public["score"] <= region["score"] <= 1


def test_a_picture_that_cannot_be_had_leaves_the_others(backend, label_studio):
    answer = backend(
        "predict", predict_body(f"{label_studio}/public.jpg", "s3://bucket/a.jpg")
    )

    first, second = answer.json()["results"]
    assert first["result"]
    assert second == {"result": []}


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("s3://bucket/a.jpg", "no address of the web"),
        ("/data/upload/a.jpg", "did not say where that is"),
        (None, "task 1 has no address of a picture in image"),
        ("data:image/png;base64,AAAA", "image"),
    ],
)
def test_where_no_picture_can_be_had_the_answer_says_why(backend, address, reason):
    answer = backend("predict", predict_body(address))

    assert answer.status_code == 400
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("<View>", "no XML"),
        ("<View/>", "needs an Image"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><View/>', "document type"),
        ('<View><Image name="i" value="$image"/></View>', "RectangleLabels"),
    ],
)
def test_a_set_up_that_it_cannot_serve_is_refused(backend, config, reason):
    answer = backend("predict", predict_body("http://x/a.jpg", config=config))

    assert answer.status_code == 400
    assert reason in answer.json()["detail"]


def test_this_host_is_not_asked_for_pictures_unless_told(
    backend, settings, label_studio
):
    settings.FETCH_FROM_PRIVATE_NETWORKS = False

    answer = backend("predict", predict_body(f"{label_studio}/public.jpg"))

    assert answer.status_code == 400
    assert "leads to this host itself" in answer.json()["detail"]


def test_without_a_token_that_is_known_nobody_is_answered(endpoint):
    address = f"/api/v1/deployments/endpoints/{endpoint.pk}/label-studio/health"
    wrong = base64.b64encode(b"label-studio:dsp_unknown").decode()

    for headers in ({}, {"Authorization": f"Basic {wrong}"}):
        assert APIClient(headers=headers).get(address).status_code == 401


def test_an_endpoint_without_a_replica_is_not_up(workspace, vera, api_as):
    silent = EndpointFactory(workspace=workspace)
    address = f"/api/v1/deployments/endpoints/{silent.pk}/label-studio/health"

    answer = api_as(vera).get(address)

    assert answer.status_code == 409
    assert "No replica answers yet" in answer.json()["detail"]
