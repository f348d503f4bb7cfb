"""Files are looked into once they are committed: by scanners in a child process, and here."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.core import blobs
from apps.core.queue import enqueue
from apps.marketplace.errors import InvalidModelError
from apps.marketplace.models import FileScan, ModelRevision, RevisionFile
from apps.marketplace.services.inspecting import look_inside
from apps.marketplace.types import Verdict

# Goes up where the scanners find more than before: all revisions are scanned anew.
VERSION = 1
SCANNER = Path(__file__).parents[1] / "formats" / "scanner.py"
PATIENCE_S = 900.0
BATCH = 200
# What is worth saying, and no danger by itself.
NOTES = frozenset({"pickle", "code", "link", "encrypted", "gave_up", "licence"})
OWN = "dsportal"


def scan_later(revision: ModelRevision) -> None:
    enqueue("marketplace.scan_revision", queue="io", revision_id=revision.pk)


def scan_waiting() -> None:
    """See to what was never scanned, or by older scanners; the newest first."""
    waiting = ModelRevision.objects.filter(scan_version__lt=VERSION).order_by("-pk")
    with transaction.atomic():
        for revision in waiting[:BATCH]:
            scan_later(revision)


def scan_revision(*, revision_id: int) -> None:
    """Scan those files of a revision whose bytes were not scanned before."""
    revision = ModelRevision.objects.filter(pk=revision_id).first()
    if revision is None or revision.scan_version >= VERSION:
        return
    unknown = _unknown(revision)
    for at in range(0, len(unknown), BATCH):
        files = unknown[at : at + BATCH]
        for file, told in zip(files, _ask_scanners(files), strict=True):
            _keep(file, told)
    ModelRevision.objects.filter(pk=revision.pk).update(scan_version=VERSION)


def _unknown(revision: ModelRevision) -> list[RevisionFile]:
    """One file for each pair of bytes and suffix that no scan is there for."""
    files = {(row.sha256, row.suffix): row for row in revision.files.order_by("path")}
    known = FileScan.objects.filter(
        version=VERSION, sha256__in=[sha256 for sha256, _suffix in files]
    )
    for pair in known.values_list("sha256", "suffix"):
        files.pop(pair, None)
    return list(files.values())


def _ask_scanners(files: Sequence[RevisionFile]) -> Iterator[dict[str, Any]]:
    """Yield an answer for each file; a child that gives up leaves the rest without."""
    with ExitStack() as lent:
        asked = [
            {"path": str(_lend(lent, file)), "name": file.path.rpartition("/")[2]}
            for file in files
        ]
        given = "".join(f"{json.dumps(one)}\n" for one in asked)
        said = _run(given).splitlines()
    for at in range(len(files)):
        told = {"found": [["gave_up", "", OWN]], "by": [], "is_covered": False}
        if at < len(said):
            with suppress(ValueError):
                told = json.loads(said[at])
        yield told


def _lend(lent: ExitStack, file: RevisionFile) -> Path:
    return lent.enter_context(blobs.local_copy(file.sha256)).resolve()


def _run(given: str) -> str:
    """Let the scanners work apart: what they stumble over ends them, not the worker."""
    command = [sys.executable, "-I", str(SCANNER)]
    try:
        done = subprocess.run(  # noqa: S603 -- our own program
            command,
            input=given.encode(),
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return (late.stdout or b"").decode()
    return done.stdout.decode()


def _keep(file: RevisionFile, told: dict[str, Any]) -> None:
    found, by, is_covered = told["found"], set(told["by"]), told["is_covered"]
    if file.is_opened:
        by.add(OWN)
        problems = [*_structure(file)]
        found, is_covered = found + problems, True
    is_bad = any(code not in NOTES for code, _what, _by in found)
    verdict = Verdict.CLEAN if is_covered else Verdict.NOT_COVERED
    FileScan.objects.update_or_create(
        sha256=file.sha256,
        suffix=file.suffix,
        defaults={
            "version": VERSION,
            "verdict": Verdict.SUSPICIOUS if is_bad else verdict,
            "found": found,
            "scanners": sorted(by),
        },
    )


def _structure(file: RevisionFile) -> Iterator[list[str]]:
    """Look for what hides behind tensors, and for weights outside of the repository."""
    try:
        inside = look_inside(file)
    except InvalidModelError:
        yield ["unsound", "", OWN]
        return
    for location in inside.graph.external if inside.graph else ():
        parts = location.replace("\\", "/").split("/")
        if ".." in parts or location.startswith(("/", "\\")) or ":" in location:
            yield ["outside", location, OWN]
