import itertools
import json
import math

import pytest
import torch

from deepseek_optimizer.balance import (
    Balancer,
    Reading,
    ReplayTelemetry,
    largest_remainder,
    open_telemetry,
)
from deepseek_optimizer.errors import ConfigError
from deepseek_optimizer.guard import Guard
from deepseek_optimizer.spec import BalanceConfig, GuardConfig


def _judge(guard, step, loss, norm):
    """Skip as the device does, then ask what follows."""
    most_loss, most_norm = guard.limits(step)
    is_good = math.isfinite(loss + norm) and loss <= most_loss and norm <= most_norm
    return guard.judge(step, loss, norm, is_skipped=not is_good)


def _guard(*, can_roll_back=False, **config):
    guard = Guard(GuardConfig(**config), can_roll_back=can_roll_back)
    for step in range(20):
        _judge(guard, step, 1.0 + 0.02 * (step % 5), 2.0 + 0.02 * (step % 3))
    return guard


@pytest.mark.parametrize(("loss", "norm"), [(9.0, 2.0), (1.0, 50.0)])
def test_a_spike_of_loss_or_norm_is_skipped(loss, norm):
    guard = _guard()

    verdict = _judge(guard, 20, loss, norm)

    assert verdict.action == "skip"
    assert "z-score" in verdict.reason
    assert _judge(guard, 21, 1.02, 2.02).action == "keep"


def test_a_drop_is_no_spike():
    assert _judge(_guard(), 20, 0.01, 0.01).action == "keep"


@pytest.mark.parametrize("action", ["skip", "stop"])
def test_a_nan_does_as_configured(action):
    assert _judge(_guard(on_nonfinite=action), 20, math.nan, 1.0).action == action


def test_three_skips_in_fifty_steps_roll_back_and_too_many_stop():
    guard = _guard(can_roll_back=True, max_rollbacks=1)

    actions = [_judge(guard, s, math.inf, 1.0).action for s in (20, 30, 40, 50, 60, 70)]

    assert actions == ["skip", "skip", "rollback", "skip", "skip", "stop"]


def test_a_lasting_new_level_is_accepted_where_nothing_can_be_rolled_back():
    guard = _guard()

    actions = [_judge(guard, s, 9.0, 2.0).action for s in (20, 21, 22, 23)]

    assert actions == ["skip", "skip", "keep", "keep"]


def test_a_new_level_that_comes_back_after_each_rollback_is_accepted():
    guard = _guard(can_roll_back=True, max_rollbacks=1)

    actions = [_judge(guard, s, 9.0, 2.0).action for s in range(20, 27)]

    assert actions == ["skip", "skip", "rollback", "skip", "skip", "keep", "keep"]


def test_the_guards_history_survives_a_checkpoint():
    guard = _guard()
    other = Guard(GuardConfig(), can_roll_back=False)
    other.load_state_dict(guard.state_dict())

    assert _judge(other, 20, 9.0, 2.0) == _judge(guard, 20, 9.0, 2.0)


def _settle(balancer, shares, speeds, readings, rounds):
    path = [shares]
    for index in range(rounds):
        seconds = [n / s for n, s in zip(shares, speeds, strict=True)]
        balancer.observe(shares, seconds)
        shares, _ = balancer.decide(shares, readings[min(index, len(readings) - 1)])
        path.append(shares)
    return path


def test_a_half_speed_rank_ends_with_half_the_work_of_the_other():
    balancer = Balancer(BalanceConfig(strategy="throughput"), 60, 2)

    path = _settle(balancer, (30, 30), (2.0, 1.0), [[Reading()] * 2], 6)

    assert path[-1] == (40, 20)
    slowest = max(40 / 2.0, 20 / 1.0)
    assert (30 / 1.0) / slowest >= 1.35


def test_a_heating_device_sheds_work_within_two_updates_and_does_not_swing():
    balancer = Balancer(BalanceConfig(strategy="thermal_aware"), 64, 2)
    cool, hot = Reading(temperature_c=60.0), Reading(temperature_c=87.0)

    path = _settle(balancer, (32, 32), (1.0, 1.0), [[cool, cool], [cool, hot]], 8)

    assert path[1] == (32, 32)
    assert path[2][1] < 24
    tail = [shares[1] for shares in path[3:]]
    assert max(tail) - min(tail) <= 0.1 * 32
    assert abs(tail[-1] - 64 / 3) <= 1


def test_an_even_host_is_left_alone():
    balancer = Balancer(BalanceConfig(strategy="throughput"), 64, 4)

    path = _settle(balancer, (16,) * 4, (1.0, 1.02, 0.98, 1.01), [[Reading()] * 4], 5)

    assert set(path) == {(16, 16, 16, 16)}


def test_shares_keep_to_their_bounds():
    config = BalanceConfig(strategy="throughput", min_share_ratio=0.25)
    balancer = Balancer(config, 64, 2)

    path = _settle(balancer, (32, 32), (100.0, 1.0), [[Reading()] * 2], 8)

    assert all(sum(shares) == 64 for shares in path)
    assert all(abs(a[0] - b[0]) <= 17 for a, b in itertools.pairwise(path))
    assert path[-1][1] in (7, 8, 9)


def test_a_full_device_gives_work_away():
    balancer = Balancer(BalanceConfig(strategy="memory_aware"), 64, 2)
    full = Reading(free_memory_ratio=0.02)

    path = _settle(balancer, (32, 32), (1.0, 1.0), [[Reading(), full]], 3)

    assert path[-1][1] < 30


def test_rounding_keeps_the_sum_and_gives_each_rank_a_sample():
    assert sum(largest_remainder([0.1, 5.0, 94.9], 10)) == 10
    assert min(largest_remainder([0.0, 0.0, 1.0], 10)) == 1
    with pytest.raises(ConfigError, match="smaller than 3 ranks"):
        largest_remainder([1, 1, 1], 2)


def test_readings_replay_from_a_file(tmp_path):
    path = tmp_path / "script.json"
    path.write_text(json.dumps([[{"temperature_c": 50}, {"step": 9, "slowdown": 2}]]))
    config = BalanceConfig(replay_path=str(path))

    source = open_telemetry(config, 0, torch.device("cpu"))

    assert isinstance(source, ReplayTelemetry)
    assert source.read(8).temperature_c == 50
    assert source.read(9).slowdown == 2
    with pytest.raises(ConfigError, match="is not a file"):
        open_telemetry(BalanceConfig(replay_path="nowhere"), 0, torch.device("cpu"))
