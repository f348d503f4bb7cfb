"""How much a namespace may hold, counted in what had to be stored for it."""

from django.conf import settings
from django.db.models import Sum
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from apps.marketplace.errors import QuotaError
from apps.marketplace.models import Model, Namespace


def used_by(namespace: Namespace, *, but: Model | None = None) -> int:
    """Bytes of its repositories, but for deleted ones: those make room at once."""
    alive = Model.objects.filter(namespace=namespace, deleted_at=None)
    if but is not None:
        alive = alive.exclude(pk=but.pk)
    return int(alive.aggregate(used=Sum("num_bytes_new"))["used"] or 0)


def quota_of(namespace: Namespace) -> int | None:
    """Bytes that it may hold; None is no limit, as what ships has none."""
    if namespace.quota_bytes is not None:
        return namespace.quota_bytes
    return settings.HUB_QUOTA_BYTES if namespace.workspace_id else None


def check_room(
    namespace: Namespace, num_bytes: int, *, but: Model | None = None
) -> None:
    """Let so many more bytes in, beside what all repositories but one hold.

    Raises:
        QuotaError: It would hold more than its quota.
    """
    quota = quota_of(namespace)
    if quota is None or not num_bytes:
        return
    used = used_by(namespace, but=but)
    if used + num_bytes > quota:
        raise QuotaError(
            _(
                "{namespace} holds {used} of {quota}, and {more} more do not fit: "
                "delete a repository, or ask whoever runs this server for more"
            ).format(
                namespace=namespace.name,
                used=filesizeformat(used),
                quota=filesizeformat(quota),
                more=filesizeformat(num_bytes),
            )
        )
