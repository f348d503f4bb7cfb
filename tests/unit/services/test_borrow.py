import sys
from pathlib import Path

import pytest

from dsportal.services.borrow import borrow


def exits_with(code: int) -> list[str]:
    return [sys.executable, "-c", f"raise SystemExit({code})"]


@pytest.fixture(autouse=True)
def lent_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")


def test_a_failure_before_the_last_command_is_named_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert borrow(tmp_path, exits_with(3), exits_with(0)) == 3

    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("Failed with exit code 3: ")
    assert said.endswith("'raise SystemExit(3)'")


def test_where_all_succeed_the_last_command_has_the_last_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert borrow(tmp_path, exits_with(0), exits_with(0)) == 0

    assert capsys.readouterr().err == ""
