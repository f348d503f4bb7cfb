"""What targets that run a bundle's image ask, plan and charge in common."""

from collections.abc import Sequence

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.engines.prices import prices_of
from apps.deployments.targets.types import Option, Plan, Step, Wish

PORT = 8080
PREDICT = "/predict"
INVOKE = "/invocations"
LIVE = "/v2/health/live"
READY = "/v2/health/ready"


def image() -> Option:
    return Option(
        name="image",
        label=_("Container image"),
        help=_("Built from this model's bundle and pushed to a registry of yours."),
        example="registry.example/line-3@sha256:0f1e…",
        pattern=r"[a-z0-9][\w.\-/:]*(@sha256:[0-9a-f]{64})?",
    )


def replicas(*, least: int = 0) -> tuple[Option, Option]:
    return (
        Option(
            name="min_replicas",
            label=_("Fewest replicas"),
            help=_("While nobody asks."),
            default=1,
            least=least,
            most=20,
        ),
        Option(
            name="max_replicas",
            label=_("Most replicas"),
            help=_("Under load."),
            default=2,
            least=1,
            most=50,
        ),
    )


def machine(target: str, *, default: str, name: str = "instance_type") -> Option:
    """Which kind of machine, of those that have a price."""
    return Option(
        name=name,
        label=_("Machine"),
        default=default,
        choices=prices_of(target).instances,
    )


def machines() -> Option:
    """How many, where the provider's autoscaling is not ours to set."""
    return Option(name="min_replicas", label=_("Machines"), default=1, least=1, most=20)


def usd_per_hour(wish: Wish, target: str, *, machine: str = "instance_type") -> float:
    """Of the machines at their smallest number."""
    price = prices_of(target).usd_per_hour[wish.text(machine)]
    return price * wish.count("min_replicas")


def rented(target: str, steps: Sequence[Step], permissions: tuple[str, ...]) -> Plan:
    """A plan of machines that a provider bills."""
    prices = prices_of(target)
    return Plan(
        target=target,
        steps=tuple(steps),
        permissions=permissions,
        notes=(price_note(prices.region), only_there()),
        priced_on=prices.as_of,
    )


def tags(wish: Wish) -> dict[str, str]:
    """How everything that is made can be found again, and whose it is."""
    return {"managed-by": "dsportal", "dsportal-deployment": wish.slug}


def most(wish: Wish) -> int:
    return max(wish.count("min_replicas"), wish.count("max_replicas"))


def price_note(region: str) -> str:
    return gettext(
        "The prices are estimates for {region}, not read from a price list; the "
        "provider's own decides. They count the machines at their smallest number."
    ).format(region=region)


def only_there() -> str:
    return gettext(
        "Only the provider can show how long the machines take to start, and whether "
        "your quota has room for them; the plan cannot know."
    )
