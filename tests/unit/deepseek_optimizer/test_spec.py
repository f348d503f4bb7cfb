import json

import pytest
import torch

from deepseek_optimizer.errors import ConfigError
from deepseek_optimizer.events import EVENT_TYPES, StepDone, from_wire, to_line
from deepseek_optimizer.parallel import bucket_mib
from deepseek_optimizer.spec import RunSpec, TrainConfig, explain


def test_the_short_forms_reach_their_sections():
    config = TrainConfig.from_mapping(
        {
            "gradient_compression": "fp16_quant",
            "checkpoint_interval": 3600,
            "load_balance_strategy": "thermal_aware",
        }
    )

    assert config.gradient_compression.kind == "fp16_quant"
    assert config.checkpoint.interval_s == 3600.0
    assert config.balance.strategy == "thermal_aware"


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"gradient_compresion": "int8"}, "did you mean 'gradient_compression'"),
        ({"gradient_compression": "int7"}, "must be one of none, auto"),
        ({"checkpoint_interval": "1h"}, "interval_s must be a number in seconds"),
        ({"checkpoint": {"intervall_s": 5}}, "did you mean 'interval_s'"),
        ({"global_batch_size": 0}, "must be at least 1 in samples, got 0"),
        ({"global_batch_size": 2.5}, "must be a whole number in samples, got 2.5"),
        ({"compile": True}, "must be one of auto, off"),
        ({"channels_last": 1}, "must be true or false, got 1"),
        ({"checkpoint_interval": 5, "checkpoint": {"interval_s": 6}}, "keep one"),
        (
            {"parallel": {"strategy": "fsdp2"}, "gradient_compression": "topk"},
            "needs whole gradients",
        ),
        ({"parallel": {"strategy": "fsdp2"}}, "'auto' chooses among DDP's hooks"),
        ({"guard": {"on_spike": "rollback"}}, "needs checkpoint.dir"),
        ({"balance": {"max_temp_c": 70}}, "must be above balance.target_temp_c"),
        ({"gradient_compression": {"density": 0.9}}, r"in \[1e-05, 0.5\], got 0.9"),
        ({"gradient_compression": {"candidates": ["topk"]}}, "must be among none"),
        ({"guard": 3}, "must be a mapping"),
    ],
)
def test_a_wrong_key_value_or_combination_is_one_clear_error(mapping, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig.from_mapping(mapping)


def test_a_run_spec_comes_back_from_its_json():
    config = TrainConfig.from_mapping({"max_steps": 5, "guard": {"max_bad_items": 2}})
    spec = RunSpec(entry="recipes.digits:build", args={"width": 3}, config=config)

    assert RunSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ('{"kind": "detect"}', '"kind": "train"'),
        ('{"kind": "train", "entry": "a:b", "more": 1}', "unknown keys"),
        ('{"kind": "train", "entry": "a"}', "package.module:function"),
    ],
)
def test_a_broken_spec_says_what_is_wrong(text, message):
    with pytest.raises(ConfigError, match=message):
        RunSpec.from_json(text)


def test_a_missing_spec_names_the_file(tmp_path):
    with pytest.raises(ConfigError, match=r"spec\.json is missing"):
        RunSpec.read(tmp_path)


def test_events_cross_the_wire_with_their_number_and_time():
    event = StepDone(
        step=3, epoch=0.5, loss=1.0, lr=0.1, grad_norm=2.0, images_per_s=9.0,
        step_ms=8.0, bytes_sent=7, exposed_comm_ms=0.0, compute_ratio=1.0,
    )  # fmt: skip

    wire = json.loads(to_line(event, seq=4, at=1.23456))

    assert (wire["type"], wire["seq"], wire["at"]) == ("step_done", 4, 1.235)
    assert from_wire(wire) == event
    assert "finished" in EVENT_TYPES


def test_an_unknown_event_is_refused():
    with pytest.raises(ValueError, match="unknown event type 'nothing'"):
        from_wire({"type": "nothing"})


def test_every_key_has_a_word_of_explanation():
    lines = dict(explain())

    assert "checkpoint.interval_s" in lines
    assert "seconds" in lines["checkpoint.interval_s"]
    assert all(len(text.split(";")[0]) > 8 for text in lines.values())


@pytest.mark.parametrize(
    ("device", "kind", "ranks_per_host", "expected"),
    [
        ("cuda", "none", 4, 100.0),
        ("cuda", "auto", 4, 100.0),
        ("cuda", "int8", 4, 8.0),
        ("cuda", "none", 2, 8.0),
        ("cpu", "none", 4, 8.0),
    ],
)
def test_buckets_are_large_only_among_the_gpus_of_a_host_without_a_codec(
    device, kind, ranks_per_host, expected
):
    config = TrainConfig.from_mapping(
        {"gradient_compression": kind, "parallel": {"ranks_per_host": ranks_per_host}}
    )

    assert bucket_mib(config, torch.device(device), 4) == expected


def test_a_stated_size_of_buckets_is_kept():
    config = TrainConfig.from_mapping({"parallel": {"bucket_mib": 25}})

    assert bucket_mib(config, torch.device("cuda"), 1) == 25
