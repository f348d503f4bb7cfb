"""Which models have a Deploy button."""

import pytest

from apps.core.errors import NotFoundError
from apps.marketplace.models import RevisionFile
from apps.marketplace.selectors.serving import (
    access_servable,
    is_servable,
    list_servable,
)
from apps.marketplace.types import Answers
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory

CLASSIFIER = {"decode": {"kind": "classes"}}


def _model(name, *paths, **fields):
    made = ModelRevisionFactory(model=ModelFactory(name=name), **fields)
    for path in paths:
        RevisionFile.objects.create(
            revision=made, path=path, sha256="0" * 64, size=1, since=made
        )
    return made


@pytest.fixture
def models(db):
    return {
        "bare": _model("bare", "net.onnx", format=""),
        "foreign": _model("foreign", "model.onnx", "b.onnx", format="onnx-vision"),
        "sorter": _model(
            "sorter", "model.int8.onnx", format="onnx-vision", config=CLASSIFIER
        ),
        "ours": _model("ours"),
        "torch": _model("torch", "model.safetensors", format=""),
        "two": _model("two", "a.onnx", "b.onnx", format=""),
        "deep": _model("deep", "onnx/model.onnx", format=""),
        "keras": _model("keras", "model.onnx", format="keras-zip"),
    }


def test_any_model_that_a_server_here_runs_can_be_deployed(models, alice):
    found = {one.name: one.answers for one in list_servable(user=alice)}

    assert found == {
        "ours": Answers.DETECTIONS,
        "sorter": Answers.LABELS,
        "foreign": Answers.DETECTIONS,
        "bare": Answers.TENSORS,
    }
    assert next(iter(found)) == "ours"
    offered = {f"{name}" for name, one in models.items() if is_servable(one)}
    assert offered == found.keys()


def test_a_name_that_cannot_be_served_is_refused_with_those_that_can(models, alice):
    assert access_servable(user=alice, name="").name == "ours"

    with pytest.raises(NotFoundError, match=r"there are: .*bare"):
        access_servable(user=alice, name="torch")
