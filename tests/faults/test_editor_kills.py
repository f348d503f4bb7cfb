"""Somebody draws while the tab, the web processes and the database are killed."""

from pathlib import Path

import pytest

from dsportal.services import browser
from dsportal.services.environment import Environment
from tests.bench.portal import signed_in
from tests.killing import draw_through
from tests.running import ROOT

pytestmark = pytest.mark.faults


def chromium() -> Path | None:
    return browser.find(Environment(ROOT))


@pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine")
def test_no_gesture_is_lost_and_none_counts_twice() -> None:
    victims = ("tab", "database", "tab", "web", "tab")

    with signed_in() as (running, client):
        verdict = draw_through(running, client, victims, seed=5)

    assert (verdict.lost, verdict.doubled) == ([], [])
    assert verdict.num_kills == {"tab": 3, "web": 1, "database": 1}
    assert verdict.num_gestures > 20
