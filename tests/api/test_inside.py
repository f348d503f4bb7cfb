"""Weights files are looked into: on the page, through the API, and for searches."""

from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from onnx import TensorProto, helper, numpy_helper
from rest_framework.test import APIClient
from safetensors.numpy import save

from apps.accounts.models import User
from apps.marketplace.models import Model
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.repositories import create_repository
from apps.marketplace.services.scanning import scan_revision
from apps.marketplace.types import Gate, Visibility
from tests.api.test_pages_marketplace import page, put


def graph_of(weights: np.ndarray) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2])
    node = helper.make_node("MatMul", ["x", "layer.weight"], ["y"])
    named = numpy_helper.from_array(weights, "layer.weight")
    graph = helper.make_graph([node], "g", [x], [y], [named])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


@pytest.fixture
def weighed(alice: User) -> Model:
    """A model with sound weights in both formats, and a broken file."""
    model = create_repository(user=alice, namespace="", name="weighed")
    files = [
        put("model.onnx", graph_of(np.ones((4, 2), np.int8))),
        put("model.safetensors", save({"layer.weight": np.ones((4, 2), np.float16)})),
        put("broken.onnx", b"no graph"),
        put("notes.txt", b"Words."),
    ]
    commit(model=model, user=alice, changes=Changes(title="Weights", files=files))
    model.refresh_from_db()
    return model


def inside(client: Client, model: Model, **query: str) -> tuple[int, dict[str, object]]:
    url = reverse("marketplace-api:inside", args=[model.namespace.name, model.name])
    answer = client.get(url, query)
    return answer.status_code, answer.json()


def test_what_a_model_is_searched_by_is_read_from_its_weights(weighed: Model):
    assert weighed.precisions == ["fp16", "int8"]
    assert weighed.num_parameters == 8


def test_the_page_shows_ports_operators_and_sizes(
    alice: User, client: Client, weighed: Model
):
    client.force_login(alice)

    html = client.get(f"{page('files', weighed)}?file=model.onnx").text

    assert f"batch {chr(215)} 4" in html
    assert '<span class="chip">MatMul <span class="faint">1</span></span>' in html
    assert '<span class="chip">ai.onnx 17</span>' in html
    assert "100 %" in html
    assert "?file=broken.onnx" in html
    assert "?file=notes.txt" not in html


def test_a_broken_file_is_said_to_be_one(alice: User, client: Client, weighed: Model):
    client.force_login(alice)

    html = client.get(f"{page('files', weighed)}?file=broken.onnx").text

    assert "not an ONNX file" in html


def test_the_api_says_the_same(
    alice: User, api_as: Callable[[User], APIClient], weighed: Model
):
    status, told = inside(api_as(alice), weighed, file="model.onnx")

    assert status == 200
    assert told["graph"] == {
        "producer": "",
        "opsets": {"": 17},
        "inputs": [{"name": "x", "dtype": "F32", "shape": ["batch", "4"]}],
        "outputs": [{"name": "y", "dtype": "F32", "shape": ["batch", "2"]}],
        "nodes": [
            {
                "name": "",
                "operator": "MatMul",
                "inputs": ["x", "layer.weight"],
                "outputs": ["y"],
            }
        ],
        "external": [],
    }
    assert told["layers"] == [{"name": "layer", "num_values": 8, "num_bytes": 8}]
    assert told["precisions"] == ["int8"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ({"file": "broken.onnx"}, 400, "not an ONNX file"),
        ({"file": "notes.txt"}, 404, "ends in .safetensors or .onnx"),
        ({"file": "absent.onnx"}, 404, "ends in .safetensors or .onnx"),
        ({"file": "model.onnx", "revision": "v9"}, 404, "no revision 'v9'"),
    ],
)
def test_what_cannot_be_looked_into_says_why(
    alice: User,
    api_as: Callable[[User], APIClient],
    weighed: Model,
    query: dict[str, str],
    status: int,
    said: str,
):
    answered, told = inside(api_as(alice), weighed, **query)

    assert answered == status
    assert said in str(told["detail"])


def test_a_gate_also_stands_before_headers(
    charlie: User, api_as: Callable[[User], APIClient], weighed: Model
):
    Model.objects.update(visibility=Visibility.PUBLIC, gate=Gate.MANUAL)

    status, told = inside(api_as(charlie), weighed, file="model.onnx")

    assert (status, told["code"]) == (403, "gated")


def test_what_scanners_said_stands_beside_the_files(
    alice: User, client: Client, api_as: Callable[[User], APIClient], weighed: Model
):
    licence = put("LICENSE", b"Permission is hereby granted, free of charge, to you")
    made = commit(
        model=weighed, user=alice, changes=Changes(title="More", files=[licence])
    )
    Model.objects.filter(pk=weighed.pk).update(licence="apache-2.0")
    waiting = api_as(alice).get(_files_url(weighed)).json()
    scan_revision(revision_id=made.pk)
    client.force_login(alice)

    html = client.get(page("files", weighed)).text
    told = {
        one["path"]: one["scan"]
        for one in api_as(alice).get(_files_url(weighed)).json()
    }

    assert {one["scan"]["verdict"] for one in waiting} == {None}
    assert told["model.onnx"]["verdict"] == "clean"
    assert told["broken.onnx"]["verdict"] == "suspicious"
    assert told["broken.onnx"]["remarks"][0]["by"] == ["dsportal"]
    assert "It is held: scanners found something suspicious" in html
    assert "The card says apache-2.0, the licence file reads as mit" in html
    hub = api_as(alice).get(
        f"/api/models/{weighed.full_name}", {"securityStatus": "true"}
    )
    assert hub.json()["securityRepoStatus"] == {
        "scansDone": True,
        "filesWithIssues": [{"path": "broken.onnx", "level": "suspicious"}],
    }
    tree = api_as(alice).get(
        f"/api/models/{weighed.full_name}/tree/main", {"expand": "true"}
    )
    statuses = {one["path"]: one["securityFileStatus"]["status"] for one in tree.json()}
    assert statuses["model.onnx"] == "safe"
    assert statuses["broken.onnx"] == "suspicious"


def _files_url(model: Model) -> str:
    return reverse("marketplace-api:files", args=[model.namespace.name, model.name])
