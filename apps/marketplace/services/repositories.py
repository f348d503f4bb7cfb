"""Makes, renames, gates and deletes repositories, and names their revisions."""

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core.errors import ForbiddenError, NotFoundError
from apps.marketplace.errors import (
    ArchivedError,
    LimitedTokenError,
    NameTakenError,
    RefTakenError,
    RevisionNotFoundError,
)
from apps.marketplace.formats.paths import check_name, check_ref
from apps.marketplace.models import Model, ModelRevision, OldAddress, Ref
from apps.marketplace.services.addresses import check_free, leave, take
from apps.marketplace.services.commits import Changes, commit
from apps.marketplace.services.namespaces import own_namespace
from apps.marketplace.services.quotas import check_room
from apps.marketplace.types import MAIN, Gate, Kind, RefKind, Visibility

if TYPE_CHECKING:
    from apps.accounts.models import User


@transaction.atomic
def create_repository(
    *,
    user: "User",
    namespace: str,
    name: str,
    kind: Kind = Kind.MODEL,
    visibility: Visibility = Visibility.WORKSPACE,
) -> Model:
    """Make a repository with an empty first commit.

    Args:
        user: At least an annotator of the namespace's workspace.
        namespace: One of hers; "" is her first.
        name: The second half of the address.
        kind: What it will hold.
        visibility: Who may see it.

    Raises:
        NotFoundError: She has no such namespace.
        BadNameError: No repository can have that name.
        NameTakenError: There is one, or one that she sees was called so;
            ``extra["full_name"]`` is its address.
        LimitedTokenError: She came in with a token for other repositories.
    """
    if user.limited_by:
        raise LimitedTokenError(
            _(
                "this token is for named repositories only and makes none: use one "
                "with the scope 'read and write'"
            )
        )
    owner = own_namespace(user=user, name=namespace, needs=Role.ANNOTATOR)
    check_free(user=user, kind=kind, namespace=owner, name=name)
    try:
        with transaction.atomic():
            model = Model.objects.create(
                kind=kind,
                namespace=owner,
                name=check_name(name),
                visibility=visibility,
                created_by=user,
            )
    except IntegrityError as exc:
        full_name = f"{owner.name}/{name}"
        raise NameTakenError(
            _("there is a {kind} {full_name} already").format(
                kind=kind, full_name=full_name
            ),
            full_name=full_name,
        ) from exc
    take(model)
    commit(model=model, user=user, changes=Changes(title="initial commit"))
    _audit(user, model, "created")
    return model


@transaction.atomic
def rename_repository(
    *, user: "User", model: Model, namespace: str, name: str
) -> Model:
    """Give a repository another address among the user's namespaces.

    The old one leads to it until another repository takes that.

    Raises:
        NotFoundError: No such namespace of hers.
        NameTakenError: Something lives there.
        ForbiddenError: She does not manage the repository.
    """
    check_manages(user, model)
    owner = own_namespace(user=user, name=namespace, needs=Role.ANNOTATOR)
    left, old = (model.namespace, model.name), model.full_name
    model.namespace, model.name = owner, check_name(name)
    model.search_text = model.search_text.replace(old.lower(), model.full_name.lower())
    try:
        with transaction.atomic():
            model.save(update_fields=["namespace", "name", "search_text", "updated_at"])
    except IntegrityError as exc:
        raise NameTakenError(
            _("there is a {kind} {full_name}").format(
                kind=model.kind, full_name=model.full_name
            )
        ) from exc
    take(model)
    leave(model, *left)
    _audit(user, model, "renamed", before=old)
    return model


@transaction.atomic
def change_repository(
    *,
    user: "User",
    model: Model,
    visibility: Visibility | None = None,
    gate: Gate | None = None,
    gate_terms: str | None = None,
) -> Model:
    """Change who may see a repository and who gets its files.

    Raises:
        ForbiddenError: The user does not manage it.
    """
    check_manages(user, model)
    model.visibility = visibility or model.visibility
    model.gate = gate or model.gate
    model.gate_terms = model.gate_terms if gate_terms is None else gate_terms
    model.save(update_fields=["visibility", "gate", "gate_terms", "updated_at"])
    _audit(user, model, "changed", visibility=model.visibility, gate=model.gate)
    return model


@transaction.atomic
def set_archived(*, user: "User", model: Model, is_archived: bool) -> Model:
    """Take a repository out of lists and close it for commits, or take that back."""
    check_manages(user, model)
    model.archived_at = timezone.now() if is_archived else None
    model.save(update_fields=["archived_at", "updated_at"])
    _audit(user, model, "archived" if is_archived else "taken out of the archive")
    return model


@transaction.atomic
def delete_repository(*, user: "User", model: Model) -> None:
    """Take a repository away; for ``DELETED_KEPT_DAYS`` a manager can take that back."""
    check_manages(user, model)
    model.deleted_at = timezone.now()
    model.save(update_fields=["deleted_at", "updated_at"])
    _audit(user, model, "deleted")


@transaction.atomic
def restore_repository(*, user: "User", model_id: int) -> Model:
    """Take a deletion back.

    Raises:
        NotFoundError: Nothing that she may bring back has that number, or not any more.
        NameTakenError: Another one has its address by now.
        QuotaError: Its room is taken by now.
    """
    # A purge that has begun holds the row: what it lets go of is overdue by then.
    rows = Model.objects.select_for_update(of=("self",)).filter(pk=model_id)
    rows.exclude(deleted_at=None).first()
    gone = Model.objects.restored_by(user).filter(pk=model_id).first()
    if gone is None:
        raise RevisionNotFoundError(_("nothing of that number was deleted lately"))
    gone.deleted_at = None
    try:
        with transaction.atomic():
            gone.save(update_fields=["deleted_at", "updated_at"])
    except IntegrityError as exc:
        raise NameTakenError(
            _("{full_name} has been made again meanwhile").format(
                full_name=gone.full_name
            )
        ) from exc
    take(gone)
    check_room(gone.namespace, gone.num_bytes_new, but=gone)
    _audit(user, gone, "restored")
    return gone


@transaction.atomic
def forget_address(*, user: "User", model: Model, address_id: int) -> None:
    """Let an old address of a repository lead nowhere, so that another can be made there.

    Raises:
        ForbiddenError: The user does not manage the repository.
        NotFoundError: It has no old address of that number.
    """
    check_manages(user, model)
    found = OldAddress.objects.filter(model=model, pk=address_id).first()
    if found is None:
        raise NotFoundError(_("nothing leads here from that address"))
    _audit(user, model, "let an address go", address=str(found))
    found.delete()


def check_manages(user: "User", model: Model) -> None:
    """Refuse who may not change the repository itself.

    Raises:
        ForbiddenError: Neither its maker nor a manager of its workspace.
    """
    if not Model.objects.managed_by(user).filter(pk=model.pk).exists():
        raise ForbiddenError(
            _("only its maker and managers of its workspace change {full_name}").format(
                full_name=model.full_name
            )
        )


def check_writes(user: "User", model: Model) -> None:
    """Refuse who may not commit.

    Raises:
        ForbiddenError: The user only reads this repository.
        ArchivedError: Nobody commits to it.
    """
    if not Model.objects.written_by(user).filter(pk=model.pk).exists():
        raise ForbiddenError(
            _(
                "you may read {full_name} but not write to it: ask for the role "
                "annotator in its workspace"
            ).format(full_name=model.full_name)
        )
    if model.archived_at:
        raise ArchivedError(
            _("{full_name} is archived: take it out first").format(
                full_name=model.full_name
            )
        )


@transaction.atomic
def create_ref(
    *,
    user: "User",
    model: Model,
    kind: RefKind,
    name: str,
    revision: ModelRevision | None,
) -> Ref:
    """Make a branch or a tag.

    Raises:
        RefTakenError: There is one.
        RevisionNotFoundError: There is nothing that it could name.
    """
    check_writes(user, model)
    if revision is None:
        raise RevisionNotFoundError(_("there is no such revision to start from"))
    try:
        with transaction.atomic():
            return Ref.objects.create(
                model=model, kind=kind, name=check_ref(name), revision=revision
            )
    except IntegrityError as exc:
        raise RefTakenError(
            _("there is a {kind} {name} already").format(kind=kind, name=repr(name))
        ) from exc


@transaction.atomic
def delete_ref(*, user: "User", model: Model, kind: RefKind, name: str) -> None:
    """Remove a branch or a tag; its commits stay.

    Raises:
        RevisionNotFoundError: There is none.
        ForbiddenError: It is main.
    """
    check_writes(user, model)
    if (kind, name) == (RefKind.BRANCH, MAIN):
        raise ForbiddenError(_("main stays: every repository has it"))
    deleted, _rows = Ref.objects.filter(model=model, kind=kind, name=name).delete()
    if not deleted:
        raise RevisionNotFoundError(
            _("there is no {kind} {name}").format(kind=kind, name=repr(name))
        )


def _audit(user: "User", model: Model, verb: str, **detail: object) -> None:
    audit(
        action=f"{model.kind}.{verb.replace(' ', '_')}",
        target=model.full_name,
        actor=user,
        workspace_id=model.namespace.workspace_id,
        **detail,
    )
