import functools
import itertools
import json
import math
import signal

import pytest
import torch
from torch import nn

from deepseek_optimizer import DistributedTrainer
from deepseek_optimizer.data import DataPosition, SampleOrder
from deepseek_optimizer.errors import (
    CheckpointError,
    ConfigError,
    DatasetError,
    NonFiniteLossError,
    NotPicklableError,
)
from deepseek_optimizer.events import (
    CheckpointSaved,
    GuardActed,
    ItemSkipped,
    Resumed,
    SharesChanged,
    StepDone,
)
from tests.unit.deepseek_optimizer.ranks import run_ranks
from tests.unit.deepseek_optimizer.toys import (
    Net,
    Numbered,
    Plain,
    toy_data,
    train,
    weights,
)


def _of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def test_the_three_lines_train_in_a_plain_process():
    config = {
        "gradient_compression": "fp16_quant",
        "checkpoint_interval": 3600,
        "load_balance_strategy": "thermal_aware",
    }
    model = Net()
    before = weights(model)

    result = DistributedTrainer(config).train(model, toy_data())

    assert (result.status, result.step, result.world_size) == ("finished", 4, 1)
    assert not torch.equal(weights(model), before)


def test_events_tell_of_a_run_in_order(tmp_path):
    _, events = train(20, tmp_path)

    assert [events[0].type, events[-1].type] == ["started", "finished"]
    steps = _of(events, StepDone)
    assert steps[-1].step == 20
    assert steps[-1].epoch == pytest.approx(2.4)
    assert {e.step for e in _of(events, CheckpointSaved)} == {10, 20}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, precision):
    straight, _ = train(40, tmp_path / "a", precision=precision)
    train(20, tmp_path / "b", precision=precision)
    resumed, events = train(40, tmp_path / "b", precision=precision)

    assert torch.equal(straight, resumed)
    assert [(e.step, e.samples_consumed) for e in _of(events, Resumed)] == [(20, 240)]


def _resume_in_world(folder, kind):
    compression = {"kind": kind, "warmup_steps": 3, "density": 0.1}
    straight, _ = train(30, f"{folder}/a", gradient_compression=compression)
    train(20, f"{folder}/b", gradient_compression=compression)
    resumed, _ = train(30, f"{folder}/b", gradient_compression=compression)
    return straight, resumed


@pytest.mark.parametrize("kind", ["fp16_quant", "powersgd", "threshold"])
def test_two_ranks_resume_bit_for_bit_with_their_residuals(tmp_path, kind):
    (a, a2), (b, b2) = run_ranks(_resume_in_world, 2, str(tmp_path), kind)

    assert torch.equal(a, a2)
    assert torch.equal(a, b)
    assert torch.equal(a2, b2)


def _continue(folder, steps):
    dataset = Numbered()
    state, events = train(steps, folder, model=Plain(), dataset=dataset)
    return state, dataset.seen, [e.loss for e in _of(events, StepDone)]


def test_two_then_one_then_three_ranks_read_the_same_samples(tmp_path):
    alone, seen, losses = run_ranks(_continue, 1, str(tmp_path / "a"), 30)[0]
    parts = [
        run_ranks(_continue, world, str(tmp_path / "b"), steps)
        for world, steps in ((2, 10), (1, 20), (3, 30))
    ]

    stream = []
    for ranks in parts:
        size = [12 // len(ranks)] * len(ranks)
        streams = [iter(rank_seen) for _, rank_seen, _ in ranks]
        for _ in range(10):
            for share, one in zip(size, streams, strict=True):
                stream += itertools.islice(one, share)
    assert stream == seen
    final = parts[-1][0]
    assert final[2][-1] == pytest.approx(losses[-1], abs=1e-4)
    assert torch.allclose(final[0], alone, atol=1e-5)


def _train_unequal(folder, steps):
    script = [[{}], [{"slowdown": 3.0}], [{"slowdown": 1.5}]]
    path = f"{folder}/script.json"
    with open(path, "w") as file:  # noqa: PTH123
        json.dump(script, file)
    balance = {"strategy": "throughput", "update_every_steps": 4, "replay_path": path}
    sgd = functools.partial(torch.optim.SGD, lr=0.05)
    state, events = train(
        steps, model=Plain(), global_batch_size=48, balance=balance,
        options={"optimizer": sgd},
    )  # fmt: skip
    return state, _of(events, SharesChanged)


def test_unequal_shares_train_as_a_single_process_does(tmp_path):
    sgd = functools.partial(torch.optim.SGD, lr=0.05)
    alone, _ = train(
        30, model=Plain(), global_batch_size=48, options={"optimizer": sgd}
    )

    answers = run_ranks(_train_unequal, 3, str(tmp_path), 30)

    changes = answers[0][1]
    assert changes
    assert changes[-1].shares[1] < 16 < changes[-1].shares[0]
    for state, _ in answers:
        assert ((state - alone).norm() / alone.norm()).item() <= 1e-6


def test_micro_batches_add_up_to_the_whole_gradient():
    sgd = functools.partial(torch.optim.SGD, lr=0.05)
    whole, _ = train(10, model=Plain(), options={"optimizer": sgd})
    parts, _ = train(10, model=Plain(), micro_batch_size=5, options={"optimizer": sgd})

    assert torch.allclose(whole, parts, atol=1e-7)


class Poisoned(nn.Module):
    """Returns NaN in the given calls."""

    def __init__(self, *calls):
        super().__init__()
        self.net, self.calls, self.count = Plain(), set(calls), 0

    def forward(self, x, y):
        self.count += 1
        loss = self.net(x, y)
        return loss * math.nan if self.count in self.calls else loss


def _poison_rank_one(folder):
    rank = torch.distributed.get_rank()
    model = Poisoned(*([5] if rank == 1 else []))
    state, events = train(12, model=model, gradient_compression="int8")
    return state, _of(events, GuardActed)


def test_a_nan_on_one_rank_skips_the_step_on_all(tmp_path):
    (a, guarded), (b, _) = run_ranks(_poison_rank_one, 2, str(tmp_path))

    assert torch.equal(a, b)
    assert a.isfinite().all()
    assert [(e.step, e.action) for e in guarded] == [(5, "skip")]


def test_a_nan_rolls_back_to_the_last_checkpoint_in_another_order(tmp_path):
    guard = {"on_nonfinite": "rollback"}

    state, events = train(20, tmp_path, model=Poisoned(15), guard=guard)

    assert state.isfinite().all()
    assert [e.action for e in _of(events, GuardActed)] == ["rollback"]
    assert _of(events, StepDone)[-1].step == 20


def test_a_nan_that_may_not_be_is_fatal_with_advice():
    with pytest.raises(NonFiniteLossError, match=r"step 3: loss nan.*lower lr"):
        train(9, model=Poisoned(3), guard={"on_nonfinite": "stop"})


def test_a_rollback_before_any_checkpoint_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint to roll back to"):
        train(9, tmp_path, model=Poisoned(3), guard={"on_nonfinite": "rollback"})


class Stepped(Poisoned):
    """Has a loss a thousand times as large from one call on."""

    def forward(self, x, y):
        self.count += 1
        return self.net(x, y) * (1000 if self.count > min(self.calls) else 1)


def test_a_new_level_before_any_checkpoint_ends_no_run(tmp_path):
    late = {"dir": str(tmp_path), "every_steps": 1000}

    _, events = train(30, model=Stepped(15), checkpoint=late)

    acted = _of(events, GuardActed)
    assert [e.action for e in acted] == ["skip", "skip", "skip"]
    assert "taken for a new level" in acted[-1].reason
    assert _of(events, StepDone)[-1].step == 30


def test_bad_items_are_replaced_up_to_the_limit_and_named():
    dataset = Numbered(bad=(17, 18))

    _, events = train(9, dataset=dataset, guard={"max_bad_items": 4})

    skipped = _of(events, ItemSkipped)
    assert {e.index for e in skipped} <= {17, 18}
    assert "OSError: picture" in skipped[0].reason


def test_the_first_bad_item_is_fatal_by_default():
    with pytest.raises(DatasetError, match=r"item 17 cannot be read \(OSError"):
        train(9, dataset=Numbered(bad=(17,)))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dataset": []}, DatasetError, "empty"),
        ({"model": nn.Identity()}, ConfigError, "no parameter"),
        ({"options": {"loss": lambda m, b: m.layers(b[0])}}, RuntimeError, "scalar|elem"),
        ({"options": {"optimizer": torch.optim.SGD([torch.zeros(1)], lr=1)}},
         ConfigError, "functools.partial"),
        ({"gradient_compression": "topk",
          "options": {"optimizer": torch.optim.AdamW}}, ConfigError, "SGD without"),
    ],
)  # fmt: skip
def test_what_cannot_train_is_refused_with_a_next_step(change, error, message):
    if change.get("dataset") == []:
        with pytest.raises(error, match=message):
            DistributedTrainer().train(Net(), [])
        return
    with pytest.raises(error, match=message):
        train(3, **change)


def test_a_part_that_cannot_be_sent_is_named_before_anything_starts():
    trainer = DistributedTrainer({"parallel": {"procs_per_node": 2}})

    with pytest.raises(NotPicklableError, match="loss cannot be sent"):
        trainer.train(Net(), toy_data(), loss=lambda m, b: m(*b))


def _shard(folder, kind, steps):
    parallel = {"strategy": "fsdp2"}
    _, events = train(
        steps, folder, model=Plain(), parallel=parallel, gradient_compression=kind
    )
    return [e.loss for e in _of(events, StepDone)][-1:]


@pytest.mark.parametrize(("kind", "limit"), [("none", 1e-4), ("int8", 0.05)])
def test_sharded_training_follows_the_single_process(tmp_path, kind, limit):
    _, events = train(20, model=Plain())
    alone = _of(events, StepDone)[-1].loss

    losses = run_ranks(_shard, 2, str(tmp_path), kind, 20)

    assert losses[0][0] == pytest.approx(alone, rel=limit)
    again = run_ranks(_shard, 1, str(tmp_path), kind, 24)
    assert math.isfinite(again[0][0])


class Pictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.conv = nn.Conv2d(2, 4, 3, padding=1)

    def forward(self, x, y):
        pictures = x.view(-1, 2, 2, 2).contiguous(memory_format=torch.channels_last)
        return (self.conv(pictures).mean((1, 2, 3)) - y[:, 0]).square().mean()


def _pictures(strategy):
    _, events = train(
        6,
        model=Pictures(),
        channels_last=True,
        parallel={"strategy": strategy},
        gradient_compression="none",
    )
    return [e.loss for e in _of(events, StepDone)]


def test_pictures_train_channels_last_however_the_weights_are_kept():
    (whole,) = run_ranks(_pictures, 1, "ddp")

    (sharded,) = run_ranks(_pictures, 1, "fsdp2")

    assert sharded == pytest.approx(whole, rel=1e-4)


def test_a_scalar_that_cannot_be_sharded_is_named():
    model = Plain()
    model.scale = nn.Parameter(torch.tensor(1.0))

    with pytest.raises(ConfigError, match=r"'scale' is a scalar: .*'ddp'"):
        train(1, model=model, parallel={"strategy": "fsdp2"})


def test_a_stop_saves_and_a_new_run_goes_on_from_there(tmp_path):
    straight, _ = train(30, tmp_path / "a")

    class Stopper(Net):
        count = 0

        def forward(self, x, y):
            self.count += 1
            if self.count == 13:
                signal.raise_signal(signal.SIGTERM)
            return super().forward(x, y)

    _, events = train(30, tmp_path / "b", model=Stopper())

    assert (events[-1].status, events[-1].step) == ("stopped", 13)
    assert (tmp_path / "b" / "step-00000013" / "manifest.json").is_file()
    resumed, _ = train(30, tmp_path / "b")
    assert torch.equal(resumed, straight)


def test_the_order_is_the_one_the_position_names():
    dataset = Numbered()
    train(5, model=Plain(), dataset=dataset)

    assert dataset.seen == SampleOrder(100, DataPosition(seed=0)).indices(0, 60)
