"""What changed between two revisions beside their bytes."""

import pytest

from apps.marketplace.selectors.differences import LONGEST, differences
from tests.factories.marketplace import ModelRevisionFactory


def test_values_are_compared_one_by_one(db: None):
    old = ModelRevisionFactory(
        card={"license": "mit", "tags": ["a"]},
        config={"side_px": 320, "decode": {"kind": "boxes", "nms": 0.5}, "same": 1},
        metrics={"ap": 0.41},
    )
    new = ModelRevisionFactory(
        model=old.model,
        parent=old,
        card={"license": "apache-2.0", "tags": ["a"]},
        config={"side_px": 640, "decode": {"kind": "boxes"}, "same": 1, "ok": True},
        metrics={"ap": 0.45, "note": "x" * 500},
    )

    found = {row.name: (row.part, row.before, row.after) for row in differences(new)}
    by = {row.name: row.by for row in differences(new)}

    assert found["license"] == ("card", "mit", "apache-2.0")
    assert found["decode.nms"] == ("config", "0.5", None)
    assert found["ok"] == ("config", None, "true")
    assert found["side_px"] == ("config", "320", "640")
    assert found.keys() == {"license", "decode.nms", "ok", "side_px", "ap", "note"}
    assert by["side_px"] == 320
    assert by["ap"] == pytest.approx(0.04)
    assert by["ok"] is None
    assert len(found["note"][2] or "") == LONGEST + 1


def test_a_first_revision_begins_from_nothing(db: None):
    first = ModelRevisionFactory(config={"side_px": 320})

    (row,) = differences(first)

    assert (row.before, row.after, row.by) == (None, "320", None)
