"""The tab, the web processes or the database are killed at random moments of drawing."""

import random
from collections.abc import Iterator, Sequence

from tests.bench.portal import signed_in
from tests.bench.rows import Row
from tests.killing import VICTIMS, Verdict, draw_through

SEEDS = (1, 2, 3, 4)
KILLS_A_SEED = 25


def measure() -> Iterator[Row]:
    yield from rows([kill_through(seed) for seed in SEEDS])


def kill_through(seed: int) -> Verdict:
    """A portal of its own for each seed; a kill waits until the last is overcome."""
    with signed_in() as (running, client):
        return draw_through(running, client, _victims(seed), seed=seed)


def rows(verdicts: Sequence[Verdict]) -> Iterator[Row]:
    for victim in VICTIMS:
        num = sum(verdict.num_kills[victim] for verdict in verdicts)
        yield Row(what=f"kills of the {victim}", value=num, unit="")
    taken = sum(verdict.num_gestures for verdict in verdicts)
    yield Row(what="gestures that the page had taken", value=taken, unit="")
    cut_off = sum(verdict.num_cut_off for verdict in verdicts)
    what = "gestures that the tab died in, which may be there or not"
    yield Row(what=what, value=cut_off, unit="")
    lost = sum(len(verdict.lost) for verdict in verdicts)
    yield Row(what="of the taken: lost", value=lost, unit="gestures", goal=0)
    doubled = sum(len(verdict.doubled) for verdict in verdicts)
    yield Row(what="doubled", value=doubled, unit="objects and operations", goal=0)


def _victims(seed: int) -> list[str]:
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(KILLS_A_SEED)]
    random.Random(seed).shuffle(victims)
    return victims
