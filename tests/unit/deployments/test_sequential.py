import numpy as np
import pytest

from apps.deployments.services.sequential import SequentialTest, Verdict

TEST = SequentialTest(fine=0.01, bad=0.05)


def _run(rate: float, drawn: np.random.Generator) -> tuple[Verdict, int]:
    num_bad = 0
    for num in range(1, 20_000):
        num_bad += drawn.random() < rate
        verdict = TEST.judge(num_bad=num_bad, num=num)
        if verdict is not Verdict.OPEN:
            return verdict, num
    return Verdict.OPEN, num


def test_a_fine_version_is_wrongly_refused_at_most_as_often_as_promised():
    drawn = np.random.default_rng(1)

    verdicts = [_run(0.01, drawn)[0] for _ in range(400)]

    # the promise is 1 %; 4 % of 400 would be seven deviations away
    assert verdicts.count(Verdict.BAD) < 16
    assert verdicts.count(Verdict.OPEN) == 0


def test_a_bad_version_is_nearly_always_refused_and_soon():
    drawn = np.random.default_rng(2)

    runs = [_run(0.2, drawn) for _ in range(200)]

    assert [verdict for verdict, _ in runs].count(Verdict.BAD) == 200
    assert np.median([num for _, num in runs]) < 30


def test_nothing_seen_is_no_verdict():
    assert TEST.judge(num_bad=0, num=0) is Verdict.OPEN


@pytest.mark.parametrize(("fine", "bad"), [(0.0, 0.1), (0.2, 0.1), (0.1, 1.0)])
def test_rates_that_make_no_sense_are_refused(fine, bad):
    with pytest.raises(ValueError, match="0 < fine < bad < 1"):
        SequentialTest(fine=fine, bad=bad)
