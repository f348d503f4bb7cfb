"""Models that ``model_server`` can run, whoever made them."""

import functools
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q
from django.utils.translation import gettext as _

from apps.core.errors import NotFoundError
from apps.marketplace.errors import NoPictureModelError
from apps.marketplace.models import Model, ModelRevision, RevisionFile
from apps.marketplace.selectors import revision_info
from apps.marketplace.types import (
    CLICK_FORMAT,
    OWN_FORMAT,
    PACKAGED,
    SEGMENTER_FORMAT,
    WEIGHTS,
    Answers,
    Kind,
    ModelRevisionInfo,
    Servable,
)

if TYPE_CHECKING:
    from apps.accounts.models import User


def list_servable(*, user: "User") -> list[Servable]:
    """The newest revision of each model that can be served; our own detectors first."""
    return [_servable(model, head) for model, head in _heads(user)]


def list_finders(*, user: "User") -> list[Servable]:
    """Those among them that find objects in a picture: boxes, or masks."""
    return [_servable(model, head) for model, head in _heads(user) if _finds(head)]


def _heads(user: "User") -> list[tuple[Model, ModelRevision]]:
    is_ours = Q(head__format=OWN_FORMAT)
    models = (
        Model.objects.read_by(user)
        .filter(kind=Kind.MODEL, archived_at=None)
        .filter(is_ours | Q(has_weights("head"), head__format__in=served_formats()))
        .select_related("namespace", "head")
        .order_by("-pk")
    )
    return sorted(
        ((model, model.head) for model in models if model.head),
        key=lambda pair: pair[1].format != OWN_FORMAT,
    )


def _servable(model: Model, head: ModelRevision) -> Servable:
    return Servable(
        revision_id=head.pk,
        name=model.name if model.ships else model.full_name,
        revision=head.revision[:12],
        answers=answers_of(head),
    )


def access_servable(*, user: "User", name: str) -> Servable:
    """Return a model that can be served by name, or the first one for an empty name.

    Raises:
        NotFoundError: No such model; the message lists those there are.
    """
    known = list_servable(user=user)
    name = name.removeprefix(f"{PACKAGED}/")
    found = [row for row in known if not name or row.is_called(name)]
    if not found:
        names = ", ".join(row.name for row in known) or "none"
        raise NotFoundError(
            _("no model to serve is called {name}; there are: {names}").format(
                name=repr(name), names=names
            )
        )
    return found[0]


def is_servable(revision: ModelRevision) -> bool:
    """Whether a button may offer it; a detector of ours may still lack its ONNX file."""
    if revision.format == OWN_FORMAT:
        return True
    rows = ModelRevision.objects.filter(has_weights("pk"), pk=revision.pk)
    return revision.format in served_formats() and rows.exists()


def takes_pictures(revision: ModelRevision) -> bool:
    """Whether a served model answers about a picture, given nothing beside it."""
    is_alone = (
        revision.format != CLICK_FORMAT and answers_of(revision) != Answers.TENSORS
    )
    return is_alone and is_servable(revision)


def answers_boxes(revision: ModelRevision) -> bool:
    return answers_of(revision) == Answers.DETECTIONS


def access_picture_model(*, user: "User", revision_id: int) -> ModelRevisionInfo:
    """Return a revision whose files the user may have and that answers about pictures.

    Raises:
        NotFoundError: No such revision for this user, or a gate stands before it.
        NoPictureModelError: It wants something else than a picture.
    """
    models = Model.objects.read_by(user)
    revisions = ModelRevision.objects.filter(pk=revision_id, model__in=models)
    row = revisions.select_related("model__namespace").first()
    if row is None:
        raise NotFoundError(_("model revision not found"))
    if not takes_pictures(row):
        raise NoPictureModelError(
            _(
                "{model} does not answer about a picture alone: deploy it, and ask it "
                "with a program"
            ).format(model=row.model.full_name)
        )
    return revision_info(row)


def access_finder(*, user: "User", revision_id: int) -> ModelRevisionInfo:
    """Return a revision whose files the user may have and that finds objects.

    Raises:
        NotFoundError: No such revision for this user, or a gate stands before it.
        NoPictureModelError: It says something else of a picture, or nothing runs it.
    """
    info = access_picture_model(user=user, revision_id=revision_id)
    rows = ModelRevision.objects.filter(pk=revision_id)
    if not _finds(rows.get()):
        raise NoPictureModelError(
            _(
                "{model} says what a picture shows, not where: choose a model that "
                "answers with boxes or masks"
            ).format(model=info.full_name)
        )
    if not rows.filter(has_weights("pk")).exists():
        raise NoPictureModelError(
            _(
                "{model} has no ONNX file, which is what runs: publish it with one "
                "(python -m deepseek_vision export)"
            ).format(model=info.full_name)
        )
    return info


def files_of(revision_id: int) -> frozenset[str]:
    """The names of a revision's files."""
    files = RevisionFile.objects.filter(revision_id=revision_id)
    return frozenset(files.values_list("path", flat=True))


@functools.cache
def served_formats() -> frozenset[str]:
    """Formats that have a runner here; none is a graph asked by its own tensors."""
    return frozenset({"", *entry_points(group="model_server.runners").names})


def has_weights(revision: str) -> Q:
    """That it holds a file which ``model_server`` takes: of a known name, or alone."""
    files = RevisionFile.objects.filter(
        revision=OuterRef(revision), path__regex=r"^[^/]+\.onnx$"
    )
    alone = files.order_by().values("revision").annotate(num=Count("pk")).filter(num=1)
    return Q(Exists(files.filter(path__in=WEIGHTS))) | Q(Exists(alone))


def _finds(row: ModelRevision) -> bool:
    finding = {Answers.DETECTIONS, Answers.SEGMENTS}
    return row.format != CLICK_FORMAT and answers_of(row) in finding


def answers_of(row: ModelRevision) -> Answers:
    if row.format in {"", "onnx"}:
        return Answers.TENSORS
    if row.format == SEGMENTER_FORMAT:
        return Answers.SEGMENTS
    decode = row.config.get("decode")
    kind = decode.get("kind") if isinstance(decode, dict) else ""
    return _OTHER_ANSWERS.get(str(kind), Answers.DETECTIONS)


_OTHER_ANSWERS = {"classes": Answers.LABELS, "segments": Answers.SEGMENTS}
