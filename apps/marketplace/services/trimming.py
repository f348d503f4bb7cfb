"""Keeps a host's checkouts of revisions within a bound; the longest unused go first."""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from apps.marketplace.models import ModelRevision
from apps.marketplace.selectors.pins import read_by_jobs
from apps.marketplace.services.checkouts import MAKING, alone

logger = logging.getLogger(__name__)
IDLE_S = 3600.0  # whoever asked for a folder has loaded its files by then, or is a job
LEFT_S = 24 * 3600.0
GOING = ".old-"


def trim_checkouts() -> int:
    """Clear this host's folders down to ``CHECKOUTS_GB``.

    What a job that is not over reads stays, however much that is, and so does what was
    asked for within the hour. Whatever is cleared is made again when it is asked for.
    Files that are links into the blob store take no room and do not count. Folders of
    revisions that are no more go in any case.

    Returns:
        How many folders went.
    """
    root = Path(settings.CHECKOUTS_DIR)
    if not root.is_dir():
        return 0
    _sweep(root)
    used = {path: path.stat().st_mtime for path in root.iterdir() if path.is_dir()}
    names = [path.name for path in used]
    known = dict(
        ModelRevision.objects.filter(revision__in=names).values_list("revision", "pk")
    )
    in_use = read_by_jobs()
    sizes = {path: _num_bytes(path) for path in used}
    num, held = 0, sum(sizes.values())
    for path in sorted(used, key=lambda path: used[path]):
        is_wanted = used[path] > time.time() - IDLE_S or known.get(path.name) in in_use
        is_over = held > settings.CHECKOUTS_BYTES and sizes[path] > 0
        if is_wanted or not (is_over or path.name not in known):
            continue
        if _clear(path, used_at=used[path]):
            num, held = num + 1, held - sizes[path]
    if num:
        logger.info("cleared %d checkouts; %d bytes are left", num, held)
    return num


def _sweep(root: Path) -> None:
    """Remove what processes left that died while they made or cleared a folder."""
    for path in [*root.glob(f"{MAKING}*"), *root.glob(f"{GOING}*")]:
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - LEFT_S:
                shutil.rmtree(path, ignore_errors=True)


def _num_bytes(folder: Path) -> int:
    told = (path.lstat() for path in folder.rglob("*") if path.is_file())
    return sum(one.st_size for one in told if one.st_nlink == 1)


def _clear(folder: Path, *, used_at: float) -> bool:
    """Take a folder away unless somebody asked for it meanwhile; never a part of it."""
    going = folder.with_name(f"{GOING}{folder.name}")
    with alone(folder.parent):
        try:
            if folder.stat().st_mtime > used_at:
                return False
            folder.rename(going)
        except OSError:  # another worker of this host was faster
            return False
    shutil.rmtree(going, ignore_errors=True)
    return True
