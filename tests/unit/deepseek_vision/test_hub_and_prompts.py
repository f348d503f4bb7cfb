import pickle

import numpy as np
import pytest
import torch

from deepseek_vision.errors import ModelFormatError, UnknownModelError, VisionError
from deepseek_vision.hub import (
    ModelConfig,
    find_model,
    list_models,
    read_tensors,
)
from deepseek_vision.predict import load_model
from deepseek_vision.prompts import class_embeddings, embed_name, embed_prompts
from deepseek_vision.runtime import Session
from deepseek_vision.training.run import read_weights


def test_a_config_survives_its_file():
    config = ModelConfig(name="m", classes=("a", "b"), metrics={"val": {"AP": 0.5}})

    assert ModelConfig.from_json(config.to_json(), where="here") == config


def test_an_unknown_name_lists_what_exists():
    with pytest.raises(UnknownModelError) as refusal:
        find_model("deepseek_vision_v9")

    assert "no model named 'deepseek_vision_v9'" in str(refusal.value)
    assert all(name in str(refusal.value) for name in list_models())


def test_an_unknown_precision_lists_what_the_model_has(nano_folder):
    with pytest.raises(
        UnknownModelError, match="no precision 'int4'; it has: fp32, int8"
    ):
        load_model(nano_folder, precision="int4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a model config"),
        ("[]", "not a model config"),
        ('{"format": "other"}', "format is 'other'"),
        ('{"format": "dsportal-detector", "format_version": 99}', "version 99"),
        ('{"format": "dsportal-detector", "format_version": 1}', "not a model config"),
    ],
)
def test_a_foreign_config_is_refused(tmp_path, text, message):
    (tmp_path / "config.json").write_text(text)

    with pytest.raises(ModelFormatError, match=message):
        find_model(tmp_path)


def test_a_folder_without_config_is_no_model(tmp_path):
    with pytest.raises(ModelFormatError, match=r"has no config\.json"):
        find_model(tmp_path)


@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_pickle_is_never_opened(tmp_path, name):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle ran",))

    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb()))

    for open_it in (read_tensors, read_weights, find_model, Session):
        with pytest.raises(ModelFormatError, match="never opened"):
            open_it(path)


def test_damaged_weights_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not tensors at all")

    with pytest.raises(ModelFormatError, match="not a safetensors file"):
        read_tensors(path)


def test_an_onnx_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"garbage")

    with pytest.raises(ModelFormatError, match="not a usable ONNX file"):
        Session(path)


def test_saved_weights_come_back(nano, nano_folder):
    weights = read_weights(nano_folder / "model.safetensors")

    for name, value in nano.named_parameters():
        torch.testing.assert_close(weights[name], value, atol=1e-3, rtol=1e-3)


def test_spelling_does_not_matter():
    assert np.array_equal(embed_name("Missing_Hole"), embed_name("missing hole"))


def test_synonyms_are_near_and_strangers_far():
    car, automobile, dog = (embed_name(n) for n in ("car", "automobile", "dog"))

    assert car @ automobile > 0.8
    assert car @ dog < 0.6


def test_a_name_without_meaning_has_its_own_fixed_direction():
    rows = class_embeddings(["qzx17", "qzx17", "qzx18"])

    assert np.array_equal(rows[0], rows[1])
    assert abs(rows[0] @ rows[2]) < 0.3


def test_a_prompt_that_is_a_class_takes_its_row():
    rows = class_embeddings(["qzx17", "dent"])

    found = embed_prompts(["Dent", "qzx17"], ["qzx17", "dent"], rows)

    assert np.array_equal(found, rows[::-1])


@pytest.mark.parametrize(
    ("prompts", "message"),
    [([], "at least one thing"), (["qqqq"], "no word of 'qqqq' is known")],
)
def test_prompts_without_meaning_are_refused(prompts, message):
    with pytest.raises(VisionError, match=message):
        embed_prompts(prompts, ["dent"], class_embeddings(["dent"]))


def test_a_repository_needs_to_know_its_portal(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)

    with pytest.raises(UnknownModelError, match="set HF_ENDPOINT to your portal"):
        find_model("demo/my-model")


def test_a_portal_out_of_reach_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    with pytest.raises(UnknownModelError, match=r"127\.0\.0\.1:1 cannot be reached"):
        find_model("demo/my-model@v1")


def test_what_was_fetched_serves_while_the_portal_is_away(
    monkeypatch, tmp_path, nano_folder
):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "dsportal" / "models" / "127_0_0_1_1" / "demo" / "my-model"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text("abc")
    (kept / "abc").symlink_to(nano_folder)

    assert find_model("demo/my-model").config.name == "nano_test"
