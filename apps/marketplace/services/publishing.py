"""Finished model directories become revisions."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.services import audit
from apps.accounts.types import Role
from apps.core import blobs
from apps.marketplace.errors import InvalidModelError
from apps.marketplace.formats.git import blob_oid, pointer_oid
from apps.marketplace.formats.paths import PICKLES, check_name, check_path
from apps.marketplace.formats.tensors import read_header
from apps.marketplace.models import Model, ModelRevision, Namespace, OldAddress
from apps.marketplace.selectors import revision_info
from apps.marketplace.services.addresses import take
from apps.marketplace.services.commits import Changes, NewFile, commit
from apps.marketplace.services.namespaces import namespace_of, packaged_namespace
from apps.marketplace.types import Kind, Lineage, ModelRevisionInfo, Visibility

if TYPE_CHECKING:
    from apps.accounts.models import User

LARGE_FROM = 512 * 1024
LARGE_SUFFIXES = frozenset({".safetensors", ".onnx", ".data", ".gguf", ".npz", ".zip"})


def publish_model(
    *,
    user: "User",
    workspace_id: int,
    name: str,
    folder: Path,
    message: str,
    lineage: Lineage | None = None,
) -> ModelRevisionInfo:
    """Make one revision of a finished model directory.

    Publishing the same job again, or the files that the model has already, changes
    nothing and answers with the revision that is there.

    Args:
        user: Who publishes; at least an annotator of the workspace.
        workspace_id: Whose model it is.
        name: The model's, made at its first revision; ``types.repository_name`` turns
            any title into one.
        folder: ``config.json`` and ``model.safetensors`` or ``model.onnx``, better with
            ``README.md``; whatever else lies there comes along.
        message: The commit's title.
        lineage: Where it comes from.

    Raises:
        NotFoundError: No such workspace.
        RoleTooLowError: Viewers do not publish.
        InvalidModelError: The directory is no model; nothing was stored.
        BadNameError: No model can have that name.
    """
    namespace = namespace_of(user=user, workspace_id=workspace_id, needs=Role.ANNOTATOR)
    known = _of_job(lineage)
    if known is not None:
        return revision_info(known)
    files = _store(folder)
    try:
        revision = _publish(namespace, check_name(name), user, files, message, lineage)
    except IntegrityError:
        # Another delivery of the same job was faster.
        known = _of_job(lineage)
        if known is None:
            raise
        revision = known
    return revision_info(revision)


def register_packaged_models() -> list[ModelRevisionInfo]:
    """Make the model directories that ship with the platform known; idempotent."""
    directories = sorted(
        config.parent
        for folder in settings.MODEL_DIRS
        for config in Path(folder).glob("*/config.json")
    )
    return [
        revision_info(
            _publish(
                packaged_namespace(),
                check_name(folder.name),
                None,
                _store(folder),
                "Ships with dsportal",
                None,
            )
        )
        for folder in directories
    ]


@transaction.atomic
def _publish(
    namespace: Namespace,
    name: str,
    user: "User | None",
    files: list[NewFile],
    message: str,
    lineage: Lineage | None,
) -> ModelRevision:
    model = _own_model(namespace, name, user)
    has = dict(model.head.files.values_list("path", "sha256")) if model.head else {}
    new = {file.path: file.sha256 for file in files}
    is_of_job = lineage is not None and lineage.job_id is not None
    if model.head and has == new and not is_of_job:
        return model.head
    changes = Changes(
        title=message, files=files, deleted_paths=sorted(has.keys() - new.keys())
    )
    revision = commit(model=model, user=user, changes=changes, lineage=lineage)
    if user is not None:
        audit(
            action="model.published",
            target=f"{model.full_name}@{revision.revision[:12]}",
            actor=user,
            workspace_id=namespace.workspace_id,
        )
    return revision


def _own_model(namespace: Namespace, name: str, user: "User | None") -> Model:
    """Return the model of that name, locked; made where there is none.

    One that was called so and that she may write to is the one that is meant.
    """
    visibility = Visibility.WORKSPACE if namespace.workspace_id else Visibility.PUBLIC
    named = {"kind": Kind.MODEL, "namespace": namespace, "name__lower": name.lower()}
    made = Model.objects.filter(**named, deleted_at=None).first()
    if made is None and user is not None:
        old = OldAddress.objects.filter(**named).values("model")
        made = Model.objects.written_by(user).filter(pk__in=old).first()
    if made is None:
        made, _is_new = Model.objects.get_or_create(
            **named,
            deleted_at=None,
            defaults={"name": name, "created_by": user, "visibility": visibility},
        )
        take(made)
    return (
        Model.objects.select_for_update(of=("self",))
        .select_related("namespace", "head")
        .get(pk=made.pk)
    )


def _of_job(lineage: Lineage | None) -> ModelRevision | None:
    if lineage is None or lineage.job_id is None:
        return None
    return ModelRevision.objects.filter(job_id=lineage.job_id).first()


def _store(folder: Path) -> list[NewFile]:
    """Check a model directory and put its files into the blob store."""
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    _check(folder, paths)
    return [
        put_file(path, check_path(path.relative_to(folder).as_posix()))
        for path in paths
    ]


def _check(folder: Path, paths: list[Path]) -> None:
    names = {path.relative_to(folder).as_posix() for path in paths}
    if "config.json" not in names:
        raise InvalidModelError(
            _("{name} has no config.json, so it is no model").format(name=folder.name)
        )
    if not names & {"model.safetensors", "model.onnx", "model.int8.onnx"}:
        raise InvalidModelError(
            _("{name} has no model.safetensors or model.onnx").format(name=folder.name)
        )
    for path in paths:
        if path.is_symlink() or not path.is_file():
            raise InvalidModelError(
                _("{name} is a link or no plain file: copy it").format(name=path.name)
            )
        if path.suffix.lower() in PICKLES:
            raise InvalidModelError(
                _(
                    "{name} can run code when it is opened: save it as safetensors"
                ).format(name=path.name)
            )
        if path.suffix == ".safetensors":
            with path.open("rb") as file:
                read_header(file, path.stat().st_size)
    try:
        json.loads((folder / "config.json").read_text())
    except ValueError as exc:
        raise InvalidModelError(
            _("config.json is not JSON: {exc}").format(exc=exc)
        ) from exc


def put_file(path: Path, name: str) -> NewFile:
    """Put a file that was made here into the blob store, to be committed as ``name``."""
    with path.open("rb") as file:
        blob = blobs.put(file)
        is_lfs = path.suffix in LARGE_SUFFIXES or blob.size >= LARGE_FROM
        file.seek(0)
        oid = (
            pointer_oid(blob.sha256, blob.size)
            if is_lfs
            else blob_oid([file.read()], blob.size)
        )
    return NewFile(
        path=name,
        sha256=blob.sha256,
        size=blob.size,
        git_oid=oid,
        is_lfs=is_lfs,
    )
