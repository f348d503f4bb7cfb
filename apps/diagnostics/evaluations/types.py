from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the child process brought back.

    Attributes:
        weights_sha256: Of the file that ran.
        code_version: Of the code that measured.
    """

    figures: dict[str, Any]
    weights_sha256: str
    code_version: str
