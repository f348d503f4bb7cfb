from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a model said about a picture, and how long it took.

    Attributes:
        load_ms: From files to a model that answers.
        time_ms: The middle of several answers to the same picture.
    """

    answer: dict[str, Any]
    load_ms: float
    time_ms: float
