"""What a workspace's licence rules say of a model."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.accounts.selectors import access_workspace
from apps.marketplace.errors import LicenceDeniedError
from apps.marketplace.formats.licences import spdx_of
from apps.marketplace.models import LicenceRules, ModelRevision
from apps.marketplace.selectors.scans import check_not_held

if TYPE_CHECKING:
    from apps.accounts.models import User


def licence_rules(*, user: "User", workspace_id: int) -> LicenceRules:
    """Return a workspace's rules; all is allowed where nobody made any.

    Raises:
        NotFoundError: No such workspace for this user.
    """
    access_workspace(user=user, workspace_id=workspace_id)
    return _rules(workspace_id)


def is_denied(*, workspace_id: int, licence: str) -> bool:
    return bool(denied_among(workspace_id=workspace_id, licences=[licence]))


def denied_among(*, workspace_id: int, licences: Iterable[str]) -> set[str]:
    """Those licences that a workspace does not work with, by one query."""
    rules = _rules(workspace_id)

    def may_be(spdx: str) -> bool:
        return spdx not in rules.denied and (not rules.allowed or spdx in rules.allowed)

    return {licence for licence in licences if not may_be(spdx_of(licence))}


def check_licence(*, workspace_id: int, full_name: str, licence: str) -> None:
    """Refuse to work with a model in a workspace whose rules deny its licence.

    Raises:
        LicenceDeniedError: They do; says who can change that.
    """
    if is_denied(workspace_id=workspace_id, licence=licence):
        raise LicenceDeniedError(
            _(
                "{model} has the licence {licence}, which this workspace does not work "
                "with: choose another model, or ask an owner to change Settings, "
                "Licences"
            ).format(model=full_name, licence=licence or _("unknown"))
        )


def check_revision(*, workspace_id: int, revision_id: int) -> None:
    """Refuse a revision that is held, or that a workspace's rules deny.

    What ships with the platform is the platform's own.

    Raises:
        LicenceDeniedError: The rules deny its model's licence.
        HeldError: Scanners found something in it.
    """
    row = ModelRevision.objects.select_related("model__namespace").get(pk=revision_id)
    if row.model.ships:
        return
    check_not_held(row)
    check_licence(
        workspace_id=workspace_id,
        full_name=row.model.full_name,
        licence=row.model.licence,
    )


def _rules(workspace_id: int) -> LicenceRules:
    found = LicenceRules.objects.filter(workspace_id=workspace_id).first()
    return found or LicenceRules(workspace_id=workspace_id)
