"""A child process that says what files could do to who opens them; it opens none itself.

Run by path, so that it loads nothing of the platform. Each line of its input is
``{"path": where the bytes lie, "name": what the file is called}``, each line of its
output the answer to one: ``{"found": [[code, what, by], ...], "by": [scanner, ...],
"is_covered": whether it was understood}``. Two scanners read pickles, opcode by opcode;
archives, hidden kinds and secrets are looked for here.
"""

import codecs
import json
import logging
import re
import resource
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath

from modelaudit_picklescan import PickleScanner, ScanOptions, Severity
from picklescan.scanner import scan_file_path

MEMORY = 4 * 1024**3
PICKLE_S = 60.0
LARGEST_TEXT = 4 * 1024 * 1024
MOST_ENTRIES = 100_000
# What is packed a thousandfold, or into more than this, is meant to fill a disk.
BOMB_RATIO, BOMB_BYTES = 1000, 64 * 1024**3
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".joblib", ".dill")
ARRAYS = (".npy", ".npz")
ZIPS = (".zip", ".keras", ".jar", ".whl", ".mar", ".pt2", ".docx", ".xlsx", *ARRAYS)
CODE = (".py", ".sh", ".ipynb", ".js")
# What only that licence says; the first that fits.
LICENCES = {
    "agpl-3.0": r"gnu affero general public license",
    "lgpl-3.0": r"gnu lesser general public license",
    "gpl-3.0": r"gnu general public license\s+version 3",
    "gpl-2.0": r"gnu general public license\s+version 2",
    "apache-2.0": r"apache license,?\s+version 2\.0",
    "mit": r"permission is hereby granted, free of charge",
    "bsd-3-clause": r"neither the name of .{1,80} nor the names of",
    "bsd-2-clause": r"redistribution and use in source and binary forms",
    "cc-by-nc-4.0": r"attribution-noncommercial 4\.0",
    "cc-by-sa-4.0": r"attribution-sharealike 4\.0",
    "cc-by-4.0": r"attribution 4\.0 international",
}
PROGRAMS = {
    b"\x7fELF": "ELF",
    b"MZ": "Windows",
    b"\xcf\xfa\xed\xfe": "macOS",
    b"\xca\xfe\xba\xbe": "macOS",
}
SECRETS = {
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{50,})",
    "Hugging Face token": r"\bhf_[A-Za-z]{34}\b",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "dsportal token": r"\bdsp_[A-Za-z0-9_-]{20,}",
}
_SECRET = re.compile(
    "|".join(f"(?P<s{at}>{one})" for at, one in enumerate(SECRETS.values()))
)
Found = tuple[str, str, str]
OWN = "dsportal"


class Look:
    """What one file gave rise to."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.by: list[str] = []
        self.is_covered = False
        self.has_pickle = False

    def add(self, code: str, what: str = "", by: str = OWN) -> None:
        if (code, what, by) not in self.found and len(self.found) < 50:
            self.found.append((code, what[:200], by))


def look(seen: Look, path: Path, name: str) -> None:
    suffix = Path(name.lower()).suffix
    with path.open("rb") as file:
        head = file.read(512)
    _look_at_kind(seen, head, suffix)
    is_pickle = head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05"
    is_zip = head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}
    if is_zip or suffix in ZIPS:
        _look_into_zip(seen, path)
    if suffix in PICKLES or is_pickle or (is_zip and seen.has_pickle):
        _look_for_calls(seen, path)
    elif suffix in ARRAYS:
        if b"|O" in head:
            seen.add("pickle")
        _ask_picklescan(seen, path)
    elif tarfile.is_tarfile(path):
        _look_into_tar(seen, path)
    elif not is_zip:
        _look_for_secrets(seen, path, name)


def _look_at_kind(seen: Look, head: bytes, suffix: str) -> None:
    for magic, system in PROGRAMS.items():
        if head.startswith(magic) and b"\0" in head:
            seen.add("program", system)
    if head.startswith(b"7z\xbc\xaf\x27\x1c") and suffix != ".7z":
        seen.add("disguised", "7z")


def _look_for_calls(seen: Look, path: Path) -> None:
    """Let two scanners read the opcodes; each has missed what the other finds."""
    seen.add("pickle")
    is_covered = _ask_picklescan(seen, path)
    report = PickleScanner(ScanOptions(timeout_s=PICKLE_S)).scan_file(
        path, enrich_call_graph=False
    )
    seen.by.append("modelaudit")
    for finding in report.findings:
        if finding.severity is Severity.CRITICAL:
            called = finding.details.get("import_reference") or finding.rule_code
            seen.add("calls", str(called), "modelaudit")
    seen.is_covered = is_covered and report.status.value == "complete"


def _ask_picklescan(seen: Look, path: Path) -> bool:
    result = scan_file_path(str(path))
    seen.by.append("picklescan")
    for one in result.globals:
        if one.safety.value == "dangerous":
            seen.add("calls", f"{one.module}.{one.name}", "picklescan")
    seen.is_covered = not result.scan_err
    return seen.is_covered


def _look_into_zip(seen: Look, path: Path) -> None:
    seen.by.append(OWN)
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
    for entry in entries[:MOST_ENTRIES]:
        _look_at_entry(seen, entry.filename)
        if stat.S_ISLNK(entry.external_attr >> 16):
            seen.add("link", entry.filename)
        if entry.flag_bits & 1:
            seen.add("encrypted", entry.filename)
    _look_at_size(seen, sum(entry.file_size for entry in entries), path, len(entries))
    seen.is_covered = not any(code == "encrypted" for code, _w, _b in seen.found)


def _look_into_tar(seen: Look, path: Path) -> None:
    seen.by.append(OWN)
    size = num = 0
    with tarfile.open(path) as archive:
        for entry in archive:
            num, size = num + 1, size + entry.size
            _look_at_entry(seen, entry.name)
            if entry.issym() or entry.islnk():
                _look_at_link(seen, entry)
            elif not (entry.isfile() or entry.isdir()):
                seen.add("device", entry.name)
            if num > MOST_ENTRIES or size > BOMB_BYTES:
                break
            if size > BOMB_RATIO * max(path.stat().st_size, 1024):
                break
    _look_at_size(seen, size, path, num)
    seen.is_covered = True


def _look_at_link(seen: Look, entry: tarfile.TarInfo) -> None:
    target = PurePosixPath(entry.name).parent / entry.linkname
    _look_at_entry(seen, str(target if entry.issym() else entry.linkname))
    seen.add("link", entry.name)


def _look_at_entry(seen: Look, name: str) -> None:
    parts = name.replace("\\", "/").split("/")
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 0 if part in {"", "."} else 1
        if depth < 0:
            break
    if depth < 0 or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name):
        seen.add("slip", name)
    if Path(name).suffix.lower() in PICKLES:
        seen.has_pickle = True


def _look_at_size(seen: Look, size: int, path: Path, num: int) -> None:
    packed = max(path.stat().st_size, 1024)
    if size > BOMB_RATIO * packed or size > BOMB_BYTES or num > MOST_ENTRIES:
        seen.add("bomb", f"{size} / {packed}")


def _look_for_secrets(seen: Look, path: Path, name: str) -> None:
    if path.stat().st_size > LARGEST_TEXT:
        return
    data = path.read_bytes()
    if b"\0" in data:
        return
    try:
        text = codecs.decode(data, "utf-8")
    except UnicodeDecodeError:
        return
    seen.by.append(OWN)
    seen.is_covered = not name.lower().endswith(CODE)
    if not seen.is_covered:
        seen.add("code")
    if name.upper().startswith(("LICENSE", "LICENCE", "COPYING")):
        seen.add("licence", _licence(text))
    for what, line in _secrets(text):
        seen.add("secret", f"{what}\n{line}")


def _licence(text: str) -> str:
    """Name the licence that a text is; "" for one that is not known here."""
    plain = text[:20_000].lower()
    fits = (
        one for one, words in LICENCES.items() if re.search(words, plain, re.DOTALL)
    )
    return next(fits, "")


def _secrets(text: str) -> Iterator[tuple[str, int]]:
    """Name each secret and its line; never the secret."""
    names = list(SECRETS)
    for match in _SECRET.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield names[int(str(match.lastgroup)[1:])], line


def main() -> None:
    logging.disable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for line in sys.stdin:
        asked = json.loads(line)
        seen = Look()
        # Whatever a scanner stumbles over, the file stays "not covered".
        with suppress(Exception):
            look(seen, Path(asked["path"]), asked["name"])
        told = {"found": seen.found, "by": seen.by, "is_covered": seen.is_covered}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
