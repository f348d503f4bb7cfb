import random

import numpy as np
import pytest
import torch

from deepseek_optimizer.data import (
    DataPosition,
    DecodeCache,
    Feed,
    SampleOrder,
    equal_shares,
    make_fetcher,
    rng_state,
    seeded,
    set_rng_state,
)
from deepseek_optimizer.errors import DatasetError


def _feed(dataset, rank, shares, *, consumed=0, **options):
    position = DataPosition(seed=5, consumed=consumed)
    fetcher = make_fetcher(dataset, list, 0)
    order = SampleOrder(len(dataset), position)
    feed = Feed(fetcher, order, rank=rank, micro_batch_size=None, **options)
    feed.set_shares(shares, from_step=0)
    return feed


def _read(shares, steps, *, consumed=0):
    """The samples of each step, over all ranks in order."""
    dataset = list(range(37))
    streams = [
        _feed(dataset, r, shares, consumed=consumed).from_step(0)
        for r in range(len(shares))
    ]
    return [
        [item for stream in streams for micro in next(stream) for item in micro.batch]
        for _ in range(steps)
    ]


def test_each_epoch_holds_every_sample_once_in_another_order():
    order = SampleOrder(10, DataPosition(seed=1))

    first, second = order.indices(0, 10), order.indices(10, 10)

    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_any_ranks_and_shares_read_the_same_stream():
    alone = _read((12,), 6)

    assert _read((6, 6), 6) == alone
    assert _read((3, 8, 1), 6) == alone
    assert _read((4, 4, 4), 4, consumed=24) == alone[2:]


def test_a_reshuffle_keeps_what_was_read_and_loses_no_sample():
    before = SampleOrder(20, DataPosition(seed=1)).indices(0, 20)
    position = DataPosition(seed=1, consumed=7).reshuffled(1)

    after = SampleOrder(20, position).indices(0, 20)

    assert after[:7] == before[:7]
    assert after[7:] != before[7:]
    assert sorted(after) == list(range(20))


def test_new_shares_wait_until_loaders_have_caught_up():
    feed = _feed(list(range(40)), 0, (6, 6))
    stream = feed.from_step(0)

    feed.set_shares((9, 3), from_step=2)

    assert [sum(m.num_samples for m in next(stream)) for _ in range(4)] == [6, 6, 9, 9]


def test_micro_batches_split_a_share():
    feed = _feed(list(range(40)), 1, (5, 7))
    feed.micro_batch_size = 3

    assert feed.split(0) == [(5, 3), (8, 3), (11, 1)]


def test_a_datasets_dice_depend_on_the_sample_alone():
    class Dice:
        def __len__(self):
            return 8

        def __getitem__(self, index):
            python = random.random()
            return python, np.random.rand(), torch.rand(()).item()

    before = torch.get_rng_state()
    one = next(_feed(Dice(), 0, (4,)).from_step(0))
    torch.rand(100)
    again = next(_feed(Dice(), 0, (4,)).from_step(0))
    torch.set_rng_state(before)

    assert one == again


def test_reading_leaves_the_callers_generators_alone():
    want = rng_state()

    with seeded(1):
        np.random.rand()
        torch.rand(3)

    assert torch.equal(torch.get_rng_state(), want["torch"])
    assert random.getstate() == want["python"]
    first = np.random.rand()
    set_rng_state(want)
    assert np.random.rand() == first


def test_worker_processes_read_the_same_stream():
    class Dice:
        def __len__(self):
            return 16

        def __getitem__(self, index):
            return index, torch.rand(()).item()

    here = _feed(Dice(), 0, (4,)).from_step(0)
    apart = _feed(Dice(), 0, (4,), num_workers=2).from_step(0)

    assert [next(here) for _ in range(5)] == [next(apart) for _ in range(5)]


def test_an_empty_dataset_and_one_without_length_are_refused():
    with pytest.raises(DatasetError, match="empty"):
        SampleOrder(0, DataPosition(seed=0))
    with pytest.raises(DatasetError, match="has no length"):
        make_fetcher(iter([]), None, 0)


def test_equal_shares_sum_to_the_batch():
    assert equal_shares(10, 4) == (3, 3, 2, 2)


def test_the_decode_cache_stops_at_its_limit():
    reads = []

    class Pictures:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            reads.append(index)
            return torch.zeros(100), index

    cache = DecodeCache(Pictures(), max_bytes=800)
    for index in (0, 1, 2, 0, 1, 2):
        assert cache[index][1] == index

    assert reads == [0, 1, 2, 2]
