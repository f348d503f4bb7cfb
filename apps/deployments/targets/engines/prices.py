"""What machines cost an hour: a dated list, approximate by nature, beside this file."""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """One provider's part of the list.

    Attributes:
        region: Where these prices hold; elsewhere they differ by some tens of percent.
        usd_per_hour: By kind of machine.
    """

    as_of: date
    region: str
    usd_per_hour: dict[str, float]

    @property
    def instances(self) -> tuple[str, ...]:
        return tuple(self.usd_per_hour)


@lru_cache
def prices_of(target: str) -> Prices:
    content = json.loads(Path(__file__).with_name("prices.json").read_bytes())
    part = content[target]
    return Prices(
        as_of=date.fromisoformat(content["as_of"]),
        region=part["reference_region"],
        usd_per_hour=part["instances"],
    )
