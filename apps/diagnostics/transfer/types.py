from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LEAST_IMAGES, MOST_IMAGES = 20, 50
MOST_MEASURED = 24  # of models, those that are downloaded most


class LeftOut(StrEnum):
    """Why a model is not in the order; empty where it is."""

    NO = ""
    LICENCE = "licence"
    HELD = "held"
    NO_GRAPH = "no_graph"
    NO_PICTURES = "no_pictures"
    MANY = "many"
    SLOW = "slow"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSearch:
    """What somebody looks for.

    Attributes:
        split: Images of it alone; empty takes all.
        image_ids: These of the version alone; empty lets the platform choose.
        most_ms: Models that take longer a picture here are left out; None is no limit.
    """

    version_id: int
    split: str = ""
    num_images: int = 40
    image_ids: tuple[int, ...] = ()
    most_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the child process said of one model.

    Attributes:
        told: ``time_ms``, and where it is in the order ``score``, ``parts``,
            ``num_dims``, ``num_crops``, ``num_classes``; or ``refused``, a marked
            sentence and what fills its places.
        reason: What a process that failed said last.
    """

    told: dict[str, Any]
    left_out: LeftOut = LeftOut.NO
    reason: str = ""
