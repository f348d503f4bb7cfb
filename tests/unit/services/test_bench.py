from pathlib import Path

import pytest

from tests.bench.rows import Row, write


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (
            Row(what="start", value=5.04, unit="s", goal=6),
            "| start | 5.04 s | \u2264 6 s |",
        ),
        (
            Row(what="start", value=7.0, unit="s", goal=6),
            "| start | 7 s (missed) | \u2264 6 s |",
        ),
        (
            Row(what="reads", value=433, unit="/s", goal=400, is_more_better=True),
            "| reads | 433 /s | \u2265 400 /s |",
        ),
        (Row(what="size", value=1.25, unit="GB"), "| size | 1.25 GB |  |"),
    ],
)
def test_a_row_says_what_was_measured_and_whether_it_suffices(
    row: Row, line: str
) -> None:
    assert row.markdown() == line


def test_a_benchmark_replaces_its_own_rows_alone(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text("# Benchmarks\n\nHow.\n")
    write("reads", "Reads.", [Row(what="old", value=1, unit="s")], page=page)
    write("start", "Starts.", [Row(what="kept", value=2, unit="s")], page=page)

    write("reads", "Reads.", [Row(what="new", value=3, unit="s")], page=page)

    text = page.read_text()
    assert text.startswith("# Benchmarks\n\nHow.\n\n## reads\n")
    assert ("| old |" in text, "| new | 3 s |  |" in text) == (False, True)
    assert "\n\n## start\n" in text
    assert "| kept | 2 s |  |" in text
