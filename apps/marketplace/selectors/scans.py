"""What scanners said of a revision's files, in words."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.marketplace.errors import HeldError
from apps.marketplace.models import (
    Clearance,
    FileScan,
    Model,
    ModelRevision,
    RevisionFile,
)
from apps.marketplace.types import Verdict

OWN = "dsportal"
WORDS: dict[str, Promise] = {
    "calls": _("calls {what} when it is opened"),
    "pickle": _("a pickle: opening one can run code; nothing here opens it"),
    "unsound": _("is not what its name says, or something hides behind its data"),
    "outside": _("its weights would be read from {what}, outside of the repository"),
    "slip": _("{what} would be unpacked outside of its folder"),
    "link": _("{what} in it is a link"),
    "device": _("{what} in it is no file"),
    "bomb": _("unpacks to far more than it holds: {what} bytes"),
    "encrypted": _("{what} in it is encrypted"),
    "disguised": _("is a {what} archive under another name"),
    "program": _("a program for {what}"),
    "code": _("program code: read it before you run it"),
    "secret": _(
        "line {line} holds a secret ({what}): revoke it, for every revision keeps it"
    ),
    "licence": _("reads as {what}"),
    "gave_up": _("the scanners did not come to an end"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that was found.

    Attributes:
        by: The scanners that said so.
    """

    text: str
    by: tuple[str, ...]

    @property
    def is_of_scanners(self) -> bool:
        """Whether others than our own checks said it."""
        return self.by != (OWN,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What is known of a file; without a verdict it has not been looked into yet."""

    verdict: Verdict | None = None
    label: str = ""
    remarks: tuple[Remark, ...] = ()
    licence: str = ""
    scanners: tuple[str, ...] = ()

    @property
    def is_suspicious(self) -> bool:
        return self.verdict == Verdict.SUSPICIOUS


def scans_of(files: Iterable[RevisionFile]) -> dict[str, Scanned]:
    """What scanners said, by path, in one query."""
    asked = list(files)
    rows = FileScan.objects.filter(sha256__in={file.sha256 for file in asked})
    known = {(row.sha256, row.suffix): _scanned(row) for row in rows}
    waiting = Scanned()
    return {file.path: known.get((file.sha256, file.suffix), waiting) for file in asked}


def is_suspicious(revision: ModelRevision) -> bool:
    """Whether any of a revision's files is."""
    digests = revision.files.values("sha256")
    rows = FileScan.objects.filter(verdict=Verdict.SUSPICIOUS, sha256__in=digests)
    pairs = set(rows.values_list("sha256", "suffix"))
    if not pairs:
        return False
    files = revision.files.filter(sha256__in=[sha256 for sha256, _suffix in pairs])
    return any((file.sha256, file.suffix) in pairs for file in files)


def is_held(revision: ModelRevision) -> bool:
    """Whether scanners found something in it, and no manager has let it go."""
    return is_suspicious(revision) and clearance_of(revision) is None


def clearance_of(revision: ModelRevision) -> Clearance | None:
    found = Clearance.objects.select_related("user").filter(revision=revision)
    return found.first()


def check_not_held(revision: ModelRevision) -> None:
    """Refuse to work with a revision that is held.

    Raises:
        HeldError: It is; says who can let it go.
    """
    if is_held(revision):
        raise HeldError(
            gettext(
                "scanners found something suspicious in {model}: it is held until a "
                "manager of its workspace looks at its files and lets it go"
            ).format(model=f"{revision.model.full_name}@{revision.revision[:12]}")
        )


def other_licence(model: Model, scans: Iterable[Scanned]) -> str:
    """The licence that a licence file reads as, where the card names another one."""
    read = {scan.licence for scan in scans if scan.licence}
    return next(iter(read), "") if model.licence and model.licence not in read else ""


def _scanned(row: FileScan) -> Scanned:
    said: dict[str, list[str]] = {}
    licence = ""
    for code, what, by in row.found:
        if code == "licence":
            licence = what
            if not what:
                continue
        about, _between, line = what.partition("\n")
        text = str(WORDS.get(code, code)).format(what=about, line=line)
        said.setdefault(text, []).append(by)
    return Scanned(
        verdict=Verdict(row.verdict),
        label=row.get_verdict_display(),
        remarks=tuple(Remark(text=text, by=tuple(by)) for text, by in said.items()),
        licence=licence,
        scanners=tuple(row.scanners),
    )
