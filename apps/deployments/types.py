"""What other rooms may know of deployments."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

MAX_REPLICAS = 8
MAX_THREADS = 16
MAX_WAITING = 200  # sampled pictures of an endpoint that no labeler has got yet
# Upper ends of the latency histogram's cells, in ms; the last cell is open.
LATENCY_MS = (
    2,
    3,
    5,
    8,
    12,
    18,
    27,
    40,
    60,
    90,
    135,
    200,
    300,
    450,
    700,
    1000,
    2000,
    5000,
)
USUAL_SHARE, MAX_SHARE = 10, 50  # percent that a version on trial answers
LOWEST_SCORE = 0.05  # what is asked for; people narrow it with a slider
USUAL_SCORE = 0.3  # where the slider starts for models that say nothing themselves


class ReleaseState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    RETIRED = "retired"


class ReplicaState(StrEnum):
    STARTING = "starting"
    READY = "ready"
    ASLEEP = "asleep"
    BROKEN = "broken"


class EndpointState(StrEnum):
    """What a person sees; worked out from the parts, never stored."""

    STARTING = "starting"
    LIVE = "live"
    DEGRADED = "degraded"
    ASLEEP = "asleep"
    PAUSED = "paused"
    FAILED = "failed"


class Stage(StrEnum):
    """Where a new version stands on its way to all of the traffic."""

    NONE = ""
    WAITING = "waiting"
    SHADOW = "shadow"
    CANARY = "canary"


class LedgerKind(StrEnum):
    CREATED = "created"
    SERVED = "served"
    SHADOWED = "shadowed"
    SPLIT = "split"
    ROLLED_BACK = "rolled_back"
    REFUSED = "refused"
    PAUSED = "paused"
    RESUMED = "resumed"
    DELETED = "deleted"


class SampleReason(StrEnum):
    """Why a live picture was kept for labelers."""

    UNSURE = "unsure"
    DRIFTED = "drifted"
    USUAL = "usual"


class Rollout(StrEnum):
    """How a new version takes over."""

    SWITCH = "switch"
    CANARY = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What a person asks for.

    Attributes:
        model: Its name, empty for the first detector there is.
        sleep_after_s: Idle seconds until the replicas end, to start at the next
            request; 0 keeps them.
    """

    name: str
    model: str = ""
    num_replicas: int = 1
    num_threads: int = 1
    sleep_after_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSampling:
    """How live pictures become work for labelers.

    Attributes:
        project_id: Of the endpoint's workspace.
        is_agreed: Somebody says that those concerned agree.
        per_day: Pictures that labelers get, spread over the day.
        unsure_below: A score below it makes a picture urgent.
        longest_side: In pixels; larger pictures are made smaller first.
        blur_px: Radius of a Gaussian blur over the whole picture; 0 is none.
        keep_days: A picture that no labeler got by then is deleted.
    """

    project_id: int
    is_agreed: bool
    per_day: int = 50
    unsure_below: float = 0.5
    longest_side: int = 1280
    blur_px: int = 0
    keep_days: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaPlan:
    """A process that should run.

    Attributes:
        label: The model's name and version as callers see them.
    """

    release_id: int
    model_revision_id: int
    index: int
    label: str
    directory: str
    num_threads: int
    sleep_after_s: int
    weights_sha256: str

    @property
    def key(self) -> tuple[int, int]:
        return self.release_id, self.index


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLimits:
    """What a caller's key allows; 0 is without a limit."""

    key_id: int
    per_minute: int
    per_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an endpoint's requests go now.

    Attributes:
        stable, candidate: Release ids; None where there is none.
        ports: Of the replicas that answer, by release.
        share: Percent of the requests that the candidate answers.
        shadow: Percent that it is asked too, without anybody seeing its answer.
        slow_ms: Beyond it a request of the candidate counts as slow.
        keys: Limits by the SHA-256 of a key.
        is_sampled: Whether pictures may be kept for labelers.
    """

    endpoint_id: int
    slug: str
    is_paused: bool
    stable: int | None
    candidate: int | None
    share: int
    shadow: int
    slow_ms: float
    ports: dict[int, tuple[int, ...]]
    versions: dict[int, str]
    keys: dict[str, KeyLimits]
    is_sampled: bool


@dataclass(slots=True, kw_only=True)
class Tally:
    """What a gateway counted about one release since it last told the database."""

    num: int = 0
    num_errors: int = 0
    num_retried: int = 0
    num_slow: int = 0
    num_compared: int = 0
    num_agreed: int = 0
    sum_ms: float = 0.0
    histogram: list[int] | None = None

    def note(self, took_ms: float) -> None:
        cells = self.histogram or [0] * (len(LATENCY_MS) + 1)
        self.histogram = cells
        self.num += 1
        self.sum_ms += took_ms
        cells[sum(took_ms > end for end in LATENCY_MS)] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Traffic over a while; percentiles are upper ends of histogram cells."""

    num: int
    num_errors: int
    num_retried: int
    per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None

    @property
    def error_share(self) -> float:
        return self.num_errors / self.num if self.num else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Who answered at a moment, as the ledger tells it."""

    at: Any
    kind: str
    split: list[dict[str, Any]]
