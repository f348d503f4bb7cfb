"""What SageMaker, Vertex AI and Azure ML ask of a container, on the real server."""

import base64
import json
from collections.abc import Iterator

import pytest

from tests.unit.model_server.running import ModelServer

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def container(detector) -> Iterator[ModelServer]:
    running = ModelServer(
        detector, AIP_HEALTH_ROUTE="/well", AIP_PREDICT_ROUTE="/v1/guess"
    )
    yield running
    running.end()


def test_sagemaker(container, part):
    assert container.ask("GET", "/ping")[0] == 200

    status, body = container.ask(
        "POST", "/invocations", part.read_bytes(), {"Content-Type": "image/jpeg"}
    )

    assert status == 200
    assert json.loads(body)["detections"]


def test_vertex(container, part):
    text = base64.b64encode(part.read_bytes()).decode()
    asked = {
        "instances": [{"b64": text}, {"b64": text, "score_threshold": 0.99}],
        "parameters": {"score_threshold": 0.5},
    }
    assert container.ask("GET", "/well")[0] == 200

    status, body = container.ask("POST", "/v1/guess", json.dumps(asked), JSON)

    many, few = json.loads(body)["predictions"]
    assert status == 200
    assert len(many["detections"]) > len(few["detections"])


def test_azure(container, part):
    text = base64.b64encode(part.read_bytes()).decode()
    assert container.ask("GET", "/v2/health/live")[0] == 200
    assert container.ask("GET", "/v2/health/ready")[0] == 200

    status, body = container.ask("POST", "/score", json.dumps({"image": text}), JSON)

    assert status == 200
    assert json.loads(body)["detections"]


@pytest.mark.parametrize(
    "content",
    [
        {"instances": []},
        {"instances": "x"},
        {"instances": [3]},
        {"instances": [{"b64": "***"}]},
        {},
    ],
)
def test_a_body_that_makes_no_sense_is_refused(container, content):
    status, body = container.ask("POST", "/score", json.dumps(content), JSON)

    assert status == 400
    assert json.loads(body)["error"]
