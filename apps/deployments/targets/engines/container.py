"""What every target asks about the image that a bundle was built into."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.deployments.targets.types import Option, Wish

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
        pattern=r"[a-z0-9][\w.\-/:]*(@sha256:[0-9a-f]{64})?",
    )


def replicas(*, least: int = 0) -> tuple[Option, Option]:
    return (
        Option(
            name="min_replicas",
            label=_("At least"),
            help=_("Replicas while nobody asks."),
            default=1,
            least=least,
            most=20,
        ),
        Option(
            name="max_replicas",
            label=_("At most"),
            help=_("Replicas under load."),
            default=2,
            least=1,
            most=50,
        ),
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
