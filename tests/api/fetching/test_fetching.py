"""Models come from an upstream, which is a second portal of real processes."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from django.test import Client
from huggingface_hub import HfApi

from apps.accounts.models import User
from apps.marketplace.catalogue.models import Mirror
from apps.marketplace.catalogue.services.fetching import look_again
from apps.marketplace.models import ModelRevision
from apps.marketplace.selectors.serving import list_servable
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.types import Answers
from model_server.runners import ImageRunner, RunOptions, load_runner
from tests.api.fetching.converters import converter_python
from tests.api.fetching.given import CARD, job_of, weights
from tests.api.fetching.wires import Wire

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_model_comes_with_its_card_licence_and_revision(
    between: Wire, publish: Callable[..., str], ask: Any, there: HfApi, tmp_path: Path
):
    source = publish(README__md=CARD.encode(), model__safetensors=weights(tmp_path))

    job = job_of(ask(source))

    sha = there.model_info(source).sha
    mirror = Mirror.objects.select_related("model__head").get()
    assert job.status == "done", job.error
    assert (mirror.source, mirror.sha, mirror.has_moved) == (source, sha, False)
    assert (mirror.model.licence, mirror.model.task) == ("mit", "image-classification")
    assert mirror.model.refs.filter(name=f"upstream-{sha[:12]}").exists()
    assert job.result["num_bytes_moved"] == job.result["num_bytes"] > 120_000
    here = dict(mirror.model.head.files.values_list("path", "sha256"))
    assert set(here) == {"README.md", "model.safetensors"}
    told = there.get_paths_info(source, ["model.safetensors"])[0]
    assert here["model.safetensors"] == told.lfs.sha256


def test_the_same_revision_again_moves_nothing(
    between: Wire, publish: Callable[..., str], ask: Any, tmp_path: Path
):
    source = publish(model__safetensors=weights(tmp_path, 2.0))
    job_of(ask(source))
    sha = Mirror.objects.get().sha
    between.asked.clear()

    again = ask(source)
    with_network = list(between.asked)
    between.asked.clear()
    pinned = ask(source, revision=sha)

    assert (again.status_code, again.json()["job_id"]) == (200, None)
    assert again.json()["mirror"]["sha"] == sha
    assert len(with_network) == 1
    # What is pinned is not even asked for.
    assert (pinned.status_code, between.asked) == (200, [])
    assert ModelRevision.objects.filter(model__mirror__isnull=False).count() == 2


def test_what_moved_is_offered_and_brings_only_what_is_new(
    between: Wire,
    publish: Callable[..., str],
    ask: Any,
    tmp_path: Path,
    client: Client,
    alice: User,
):
    source = publish(model__safetensors=weights(tmp_path, 3.0), old__txt=b"old")
    job_of(ask(source))
    publish(README__md=CARD.encode())
    Mirror.objects.update(looked_at="2020-01-01T00:00:00Z")
    assert look_again(limit=5) == 1
    assert Mirror.objects.get().has_moved
    client.force_login(alice)
    assert (
        "Newer at the upstream"
        in client.get("/marketplace/catalogue/").content.decode()
    )
    between.asked.clear()

    job = job_of(ask(source))

    assert job.result["num_bytes_moved"] == len(CARD)
    assert [path.rpartition("/")[2] for path in between.files_asked()] == ["README.md"]
    mirror = Mirror.objects.get()
    assert not mirror.has_moved
    assert mirror.model.head is not None
    assert mirror.model.head.files.count() == 3


def test_a_pickle_becomes_safetensors_bit_for_bit(
    between: Wire, publish: Callable[..., str], ask: Any, tmp_path: Path
):
    torch.save({"a": torch.arange(1000.0)}, tmp_path / "p")
    source = publish(
        pytorch_model__bin=(tmp_path / "p").read_bytes(), config__json=b"{}"
    )

    job = job_of(ask(source))

    model = Mirror.objects.get().model
    assert job.result["made"] == ["safetensors"], job.result
    assert "bit for bit" in job.result["said"]
    assert "no converter to ONNX" in job.result["why_not"]
    head = model.head
    assert head is not None
    assert head.parent is not None
    assert set(head.files.values_list("path", flat=True)) == {
        "config.json", "model.safetensors",
    }  # fmt: skip
    # What came lies below, as it came.
    assert head.parent.files.filter(path="pytorch_model.bin").exists()


class Bad:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/opened-a-pickle"),))  # noqa: S108


def test_a_pickle_that_holds_more_than_tensors_is_not_opened(
    between: Wire, publish: Callable[..., str], ask: Any, tmp_path: Path
):
    torch.save({"a": Bad()}, tmp_path / "p")
    source = publish(pytorch_model__bin=(tmp_path / "p").read_bytes())

    job = job_of(ask(source))

    assert (job.status, job.result["made"]) == ("done", [])
    assert "holds more than tensors" in job.result["why_not"]
    assert not Path("/tmp/opened-a-pickle").exists()  # noqa: S108


MAKE = """
import json, sys
from pathlib import Path
import timm
from safetensors.torch import save_file
model = timm.create_model("test_resnet", num_classes=3)
folder = Path(sys.argv[1])
save_file(model.state_dict(), folder / "model.safetensors")
told = {"architecture": "test_resnet", "num_classes": 3, "label_names": ["a", "b", "c"],
        "pretrained_cfg": {"input_size": [3, 160, 160], "mean": [0.5, 0.5, 0.5],
                           "std": [0.5, 0.5, 0.5], "tag": "own"}}
(folder / "config.json").write_text(json.dumps(told))
"""


def test_a_classifier_of_timm_becomes_onnx_that_answers_the_same_and_can_be_deployed(
    between: Wire,
    publish: Callable[..., str],
    ask: Any,
    tmp_path: Path,
    settings: Any,
    alice: User,
    jpeg: Callable[..., Any],
):
    settings.CONVERTER_PYTHON = converter_python()
    command = [settings.CONVERTER_PYTHON, "-c", MAKE, str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    names = ("model.safetensors", "config.json")
    source = publish(
        **{name.replace(".", "__"): (tmp_path / name).read_bytes() for name in names}
    )

    job = job_of(ask(source))

    assert job.result["made"] == ["onnx"], job.result
    assert job.result["figures"]["max_relative_difference"] < 1e-4
    head = Mirror.objects.get().model.head
    assert head is not None
    assert head.classes == ["a", "b", "c"]
    [served] = list_servable(user=alice)[:1]
    assert (served.revision_id, served.answers) == (head.pk, Answers.LABELS)
    runner = load_runner(checked_out(head.pk), RunOptions(num_threads=1))
    assert isinstance(runner, ImageRunner)
    [said] = runner.answer([runner.read(jpeg().getvalue())], [{}])
    assert {label["label"] for label in said["labels"]} == {"a", "b", "c"}
