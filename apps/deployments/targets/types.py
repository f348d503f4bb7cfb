"""The words between a person's wish, a target, and what is made there."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

HOURS_A_MONTH = 730


class State(StrEnum):
    """Where a deployment stands; stored."""

    PLANNED = "planned"
    APPLYING = "applying"
    LIVE = "live"
    FAILED = "failed"
    REMOVING = "removing"
    REMOVED = "removed"


class ResourceState(StrEnum):
    """INTENDED is written before the target is asked, so that nothing is forgotten."""

    INTENDED = "intended"
    MADE = "made"
    GONE = "gone"


class EntryKind(StrEnum):
    PLANNED = "planned"
    CONFIRMED = "confirmed"
    SERVED = "served"
    FAILED = "failed"
    DRIFTED = "drifted"
    REMOVED = "removed"


class Action(StrEnum):
    """What a job does with a deployment."""

    APPLY = "apply"
    CHECK = "check"
    REMOVE = "remove"


class Health(StrEnum):
    STARTING = "starting"
    LIVE = "live"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing that a target asks before it plans.

    Attributes:
        example: What a text looks like, where it has no default.
        pattern: A regular expression that the whole text matches; empty for any.
        choices: Allowed values; empty for free text or numbers.
        least, most: Of a number, which ``default`` is then.
    """

    name: str
    label: "StrOrPromise"
    help: "StrOrPromise" = ""
    default: str | int = ""
    example: str = ""
    is_required: bool = True
    pattern: str = ""
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 0

    @property
    def is_number(self) -> bool:
        return isinstance(self.default, int)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Exactly which weights."""

    name: str
    revision_id: int
    revision: str
    weights_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeployment:
    """What a person fills in.

    Attributes:
        model: A name, with or without ``@revision``.
        options: As typed; the target checks them.
    """

    name: str
    target: str
    model: str
    options: Mapping[str, object] = field(default_factory=dict)
    credential_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks a target for.

    Attributes:
        slug: The beginning of every resource's name; unique in the installation.
        number: 1 for the first version behind this deployment, then up.
        options: Checked against the target's own.
    """

    slug: str
    number: int
    model: ModelRef
    options: Mapping[str, str | int]
    workspace_id: int

    def text(self, name: str) -> str:
        return str(self.options[name])

    def count(self, name: str) -> int:
        return int(self.options[name])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One resource as it will be asked for.

    Attributes:
        name: Known beforehand, so that a repeated attempt finds what it made.
        where: Region, namespace, project or host.
        body: What is sent; it never holds a secret.
        usd_per_hour: None where no price is known, 0 where it costs nothing.
        external_id: The target's own name for it, once it is made.
        waits: It takes that what was made before it answers.
        is_kept: It stays when a version is replaced, and is changed instead.
    """

    key: str
    kind: str
    name: str
    where: str
    body: Mapping[str, Any]
    usd_per_hour: float | None = 0.0
    external_id: str = ""
    waits: bool = False
    is_kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What will be made, where, for how much, and with which rights.

    Attributes:
        priced_on: The day of the price list; None where nothing costs anything.
        notes: What only the real target can show, and what else to know before.
    """

    target: str
    steps: tuple[Step, ...]
    permissions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    priced_on: date | None = None

    @property
    def usd_per_hour(self) -> float | None:
        """The sum; None where a part is unknown."""
        prices = [step.usd_per_hour for step in self.steps]
        if any(price is None for price in prices):
            return None
        return sum(price for price in prices if price is not None)

    @property
    def digest(self) -> str:
        """Names exactly this plan, so that what is confirmed is what was read."""
        said = [[each.kind, each.name, each.where, each.body] for each in self.steps]
        text = json.dumps([self.target, said, self.usd_per_hour], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a target is spoken to, while one job runs; never stored, never printed.

    Attributes:
        values: What a stored credential holds, by field; empty for the worker's own
            environment or role.
        user_id: On whose behalf.
        directory: The model's checkout on this host.
        kept: What a target keeps from one call to the next: open connections.
    """

    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_id: int = 0
    workspace_id: int = 0
    directory: str = ""
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def close(self) -> None:
        for each in self.kept.values():
            each.close()

    def scrub(self, text: str) -> str:
        """Take every secret out of what a target answered."""
        for value in self.values.values():
            for part in {value, *value.split()}:
                if len(part) >= SHORTEST_SECRET:
                    text = text.replace(part, "***")
        return text


SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How what was made fares.

    Attributes:
        reason: In a person's words, where it failed or still waits.
        url: Where it answers; empty where the target gives none.
    """

    health: Health
    reason: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something at the target is not as it was planned."""

    resource: str
    field: str
    planned: str
    found: str


class Target(Protocol):
    """Somewhere a model can answer. One class a file; all of them in the registry.

    ``secrets`` names the fields of a credential. ``is_here`` is said by one that works on
    this installation's own database, in the transaction of whoever calls.

    Every method but ``plan`` may raise TargetError. ``apply`` and ``clean_up`` may be
    repeated: the first adopts what an earlier attempt made, the second is content when
    there is nothing.
    """

    @property
    def key(self) -> str: ...
    @property
    def title(self) -> "StrOrPromise": ...
    @property
    def summary(self) -> "StrOrPromise": ...
    @property
    def options(self) -> tuple[Option, ...]: ...
    @property
    def secrets(self) -> tuple[str, ...]: ...
    @property
    def is_here(self) -> bool: ...

    def plan(self, wish: Wish) -> Plan:
        """Say what would be made; asks nobody and changes nothing."""

    def apply(self, step: Step, access: Access) -> str:
        """Make one resource, or change it to its step; returns the target's id of it."""

    def status(self, plan: Plan, access: Access) -> Status:
        """Ask whether the whole answers yet."""

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:
        """Compare one resource with its step."""

    def clean_up(self, step: Step, access: Access) -> None:
        """Take one resource away."""
