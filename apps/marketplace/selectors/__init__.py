from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.errors import RepositoryMovedError, RepositoryNotFoundError
from apps.marketplace.models import Model, ModelRevision, OldAddress, Ref, RevisionFile
from apps.marketplace.types import (
    INSTANCES_FORMAT,
    MAIN,
    OWN_FORMAT,
    PACKAGED,
    Detector,
    Kind,
    Lineage,
    ModelInfo,
    ModelRevisionInfo,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.accounts.models import User


def list_models(*, user: "User") -> QuerySet[Model]:
    """The models that the user may see, each with its revisions, newest first."""
    newest = ModelRevision.objects.order_by("-pk")
    return (
        Model.objects.visible_to(user)
        .filter(kind=Kind.MODEL, archived_at=None)
        .select_related("namespace", "head")
        .prefetch_related(Prefetch("revisions", queryset=newest))
        .order_by("-pk")
    )


def access_repository(
    *, user: "User | AnonymousUser", namespace: str, name: str, kind: Kind = Kind.MODEL
) -> Model:
    """Return a repository that the user may see, gated or not, by a name it has or had.

    Raises:
        NotFoundError: There is none, or the user may not know of it.
    """
    seen = Model.objects.visible_to(user).select_related("namespace", "head")
    named = {"namespace__name__lower": namespace.lower(), "name__lower": name.lower()}
    model = seen.filter(kind=kind, **named).first()
    if model is None:
        old = OldAddress.objects.filter(kind=kind, **named)
        model = seen.filter(pk__in=old.values("model")).first()
    if model is None:
        raise RepositoryNotFoundError(
            _("there is no {kind} {namespace}/{name} for you").format(
                kind=kind, namespace=namespace, name=name
            )
        )
    return model


def addressed_repository(
    *, user: "User | AnonymousUser", namespace: str, name: str, kind: Kind = Kind.MODEL
) -> Model:
    """Return the repository that lives at an address, for what answers at that address.

    Raises:
        NotFoundError: There is none, or the user may not know of it.
        RepositoryMovedError: It was renamed, and says where it lives now.
    """
    model = access_repository(user=user, namespace=namespace, name=name, kind=kind)
    asked = f"{namespace}/{name}"
    if asked.lower() != model.full_name.lower():
        raise RepositoryMovedError(
            _("{asked} was renamed: it is {full_name} now").format(
                asked=asked, full_name=model.full_name
            ),
            old=asked,
            new=model.full_name,
        )
    return model


def access_model(*, user: "User", model_id: int) -> ModelInfo:
    """Return a model that the user may see.

    Raises:
        NotFoundError: There is none, or the user may not know of it.
    """
    model = (
        Model.objects.visible_to(user)
        .filter(pk=model_id)
        .select_related("namespace")
        .first()
    )
    if model is None:
        raise NotFoundError(_("model not found"))
    return ModelInfo(
        id=model.pk,
        full_name=model.full_name,
        workspace_id=model.namespace.workspace_id,
        task=model.task,
        summary=model.summary,
        licence=model.licence,
        revision_id=model.head_id,
    )


def access_model_revision(
    *,
    user: "User",
    revision_id: int | None = None,
    name: str = "",
    revision: str = MAIN,
) -> ModelRevisionInfo:
    """Return a revision by its row, or by ``namespace/name`` and branch, tag or commit.

    Raises:
        NotFoundError: There is none, or the user may not know of it.
    """
    if revision_id is not None:
        row = _revisions(user).filter(pk=revision_id).first()
    else:
        namespace, _between, short = name.rpartition("/")
        # Pages call what ships by its short name.
        model = access_repository(
            user=user, namespace=namespace or PACKAGED, name=short
        )
        row = find_revision(model, revision)
    if row is None:
        raise NotFoundError(_("model revision not found"))
    return revision_info(row)


def short_names(*, user: "User", revision_ids: Iterable[int]) -> dict[int, str]:
    """What to call each of a few revisions: its model, and its commit where two share it."""
    rows = list(_revisions(user).filter(pk__in=list(revision_ids)))
    times = Counter(row.model_id for row in rows)
    return {
        row.pk: row.model.name
        if times[row.model_id] == 1
        else f"{row.model.name} {row.revision[:7]}"
        for row in rows
    }


def find_revision(model: Model, name: str) -> ModelRevision | None:
    """Return what a branch, tag, ``refs/...``, commit or its first digits stand for."""
    if name in {MAIN, "HEAD", f"refs/heads/{MAIN}"} and model.head is not None:
        return model.head
    short = name.removeprefix("refs/heads/").removeprefix("refs/tags/")
    ref = (
        Ref.objects.filter(model=model, name=short)
        .select_related("revision")
        .order_by("kind")
        .first()
    )
    if ref is not None:
        return ref.revision
    is_digits = len(name) >= 7 and set(name) <= set("0123456789abcdef")
    if not is_digits:
        return None
    found = list(model.revisions.filter(revision__startswith=name)[:2])
    return found[0] if len(found) == 1 else None


def holds_file(*, revision_id: int, sha256: str) -> bool:
    """Whether these very bytes are among a revision's files."""
    return RevisionFile.objects.filter(revision_id=revision_id, sha256=sha256).exists()


def _revisions(user: "User") -> QuerySet[ModelRevision]:
    models = Model.objects.visible_to(user)
    return ModelRevision.objects.filter(model__in=models).select_related(
        "model__namespace"
    )


def revision_info(row: ModelRevision) -> ModelRevisionInfo:
    model = row.model
    return ModelRevisionInfo(
        id=row.pk,
        model_id=model.pk,
        full_name=model.full_name,
        workspace_id=model.namespace.workspace_id,
        revision=row.revision,
        task=model.task,
        classes=tuple(row.classes),
        config=row.config,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        lineage=_lineage(row),
    )


def _lineage(row: ModelRevision) -> Lineage | None:
    if row.job_id is None and row.base_id is None and row.dataset_version_id is None:
        return None
    return Lineage(
        job_id=str(row.job_id) if row.job_id else None,
        dataset_version_id=row.dataset_version_id,
        base_revision_id=row.base_id,
        relation=row.relation,
        code_version=row.code_version,
        config=row.run_config,
        metrics=row.metrics,
    )


def list_detectors(*, user: "User", with_masks: bool = False) -> list[Detector]:
    """The newest revision of each detector of our own format that the user may run.

    Those that outline what they find are told only to who asks for them: they are run
    alike, and trained otherwise.
    """
    formats = [OWN_FORMAT, *([INSTANCES_FORMAT] if with_masks else [])]
    models = (
        Model.objects.read_by(user)
        .filter(kind=Kind.MODEL, archived_at=None, head__format__in=formats)
        .select_related("namespace", "head")
        .order_by("-pk")
    )
    return [_detector(model, model.head) for model in models if model.head]


def access_detector(*, user: "User", name: str, with_masks: bool = False) -> Detector:
    """Return a detector by name, or the first one for an empty name.

    Raises:
        NotFoundError: No such detector; the message lists those there are.
    """
    known = list_detectors(user=user, with_masks=with_masks)
    found = [row for row in known if name in {"", row.name, row.full_name}]
    if not found:
        names = ", ".join(row.name for row in known) or "none"
        raise NotFoundError(
            _("no detector is called {name}; there are: {names}").format(
                name=repr(name), names=names
            )
        )
    return found[0]


def trained_on(*, version_ids: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    """Ids of the revisions that were trained on some dataset versions."""
    return ModelRevision.objects.filter(dataset_version_id__in=version_ids).values_list(
        "pk", flat=True
    )


def _detector(model: Model, row: ModelRevision) -> Detector:
    return Detector(
        revision_id=row.pk,
        name=model.name if model.ships else model.full_name,
        revision=row.revision[:12],
        classes=tuple(row.classes),
        has_masks=row.format == INSTANCES_FORMAT,
    )
