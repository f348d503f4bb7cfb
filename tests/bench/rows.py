"""What a benchmark yields, and the page that shows it."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        goal: The number to reach; None where the figure is only worth knowing.
        is_more_better: Whether the goal is a least value; else it is a most value.
    """

    what: str
    value: float
    unit: str
    goal: float | None = None
    is_more_better: bool = False

    @property
    def is_reached(self) -> bool:
        if self.goal is None:
            return True
        return (
            self.value >= self.goal if self.is_more_better else self.value <= self.goal
        )

    def markdown(self) -> str:
        sign = "\u2265" if self.is_more_better else "\u2264"
        goal = "" if self.goal is None else f"{sign} {self.goal:g} {self.unit}"
        mark = "" if self.is_reached else " (missed)"
        return f"| {self.what} | {self.value:,.4g} {self.unit}{mark} | {goal} |"


def write(name: str, about: str, rows: Sequence[Row], *, page: Path = PAGE) -> None:
    """Replace the section of one benchmark, or add it at the end."""
    text = page.read_text()
    section = _section(name, about, rows)
    pattern = re.compile(
        rf"^## {re.escape(name)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL
    )
    if pattern.search(text):
        text = pattern.sub(lambda _: section, text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    page.write_text(f"{text.rstrip()}\n")


def _section(name: str, about: str, rows: Sequence[Row]) -> str:
    day = datetime.now(UTC).date().isoformat()
    load = f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    return "\n".join(
        [
            f"## {name}",
            "",
            f"{about} `./portal bench {name}`, {day}, {load}.",
            "",
            "| what | measured | goal |",
            "| --- | --- | --- |",
            *(row.markdown() for row in rows),
            "",
            "",
        ]
    )
