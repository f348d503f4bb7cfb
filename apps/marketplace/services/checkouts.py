"""Local, read-only directories of revisions, for whatever runs a model."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.marketplace.models import ModelRevision, RevisionFile
from apps.marketplace.selectors.scans import check_not_held

MAKING = ".new-"


def checked_out(revision_id: int, *, may_be_held: bool = False) -> Path:
    """Return a directory with a revision's files, made at the first call on this host.

    It is to be read only: files may be hard links to the blob store. Whoever calls has
    checked that the work may use this revision. ``may_be_held`` is for what trusts no
    file of it and works in a jail.

    Raises:
        NotFoundError: No such revision, or one of its blobs is gone.
        HeldError: Scanners found something in it, and no manager has let it go.
        CorruptBlobError: A file does not have the digest it was committed under.
    """
    rows = ModelRevision.objects.select_related("model__namespace")
    revision = rows.filter(pk=revision_id).first()
    if revision is None:
        raise NotFoundError(_("model revision not found"))
    if not may_be_held:
        check_not_held(revision)
    folder = Path(settings.CHECKOUTS_DIR) / revision.revision
    folder.parent.mkdir(parents=True, exist_ok=True)
    if keep_checkout(folder):
        return folder
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=MAKING))
    try:
        for file in revision.files.order_by("path"):
            _place(file, made / file.path)
        made.chmod(0o755)
        _appear(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder


def keep_checkout(folder: Path) -> bool:
    """Note that a folder is used; False where it is not there, or not any more."""
    with alone(folder.parent):
        if folder.is_dir():
            os.utime(folder)
            return True
    return False


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Let no other process of this host find or clear a folder meanwhile."""
    with (root / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def forget_checkouts(revisions: Iterable[str]) -> None:
    """Take this host's directories of revisions away; one that is needed is made again."""
    for revision in revisions:
        shutil.rmtree(Path(settings.CHECKOUTS_DIR) / revision, ignore_errors=True)


def _place(file: RevisionFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with blobs.local_copy(file.sha256) as source:
        try:
            if not isinstance(blobs.store(), FileSystemStorage):
                raise OSError(errno.EXDEV, "a copy that goes away")
            target.hardlink_to(source)
        except OSError:
            shutil.copyfile(source, target)
    blobs.verify(file.sha256, target)


def _appear(made: Path, folder: Path) -> None:
    """Give the finished directory its name; another process may have been faster."""
    with suppress(OSError):
        made.rename(folder)
    if not folder.is_dir():
        raise OSError(errno.EIO, "could not make a checkout", str(folder))
