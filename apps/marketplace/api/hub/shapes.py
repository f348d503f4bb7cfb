"""Models, revisions and files in the words of the Hub protocol."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from apps.marketplace.models import Model, ModelRevision, Ref, RevisionFile
from apps.marketplace.selectors.scans import Scanned
from apps.marketplace.types import Gate, Verdict, Visibility

if TYPE_CHECKING:
    from apps.accounts.models import User

POINTER_BYTES = 134


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def tags_of(model: Model) -> list[str]:
    """All that a filter finds a repository by."""
    named = {
        "license": [model.licence] if model.licence else [],
        "dataset": model.datasets,
        "base_model": model.base_models,
    }
    plain = [*model.tags, model.task, model.library, *model.languages]
    plain += [*model.frameworks, *model.precisions]
    spelled = [f"{name}:{value}" for name, all_ in named.items() for value in all_]
    return [tag for tag in dict.fromkeys([*plain, *spelled]) if tag]


def limits(user: "User", *, may_write: bool) -> dict[str, Any]:
    """Return what a token for named repositories opens, as ``whoami`` tells it."""
    permissions = ["repo.content.read", *(["repo.write"] if may_write else [])]
    named = Model.objects.visible_to(user).select_related("namespace").order_by("pk")
    return {
        "canReadGatedRepos": False,
        "global": [],
        "scoped": [
            {
                "entity": {
                    "_id": f"{row.pk:024x}",
                    "type": row.kind,
                    "name": row.full_name,
                },
                "permissions": permissions,
            }
            for row in named
        ],
    }


def summary(model: Model) -> dict[str, Any]:
    """Return a repository as lists show it."""
    head = model.head
    return {
        "_id": f"{model.pk:024x}",
        "id": model.full_name,
        "modelId": model.full_name,
        "author": model.namespace.name,
        "sha": head.revision if head else None,
        "private": model.visibility != Visibility.PUBLIC,
        "gated": False if model.gate == Gate.OPEN else model.gate,
        "disabled": False,
        "downloads": model.num_downloads,
        "downloadsAllTime": model.num_downloads,
        "likes": model.num_likes,
        "trendingScore": model.num_likes,
        "tags": tags_of(model),
        "pipeline_tag": model.task or None,
        "library_name": model.library or None,
        "createdAt": stamp(model.created_at),
        "lastModified": stamp(head.created_at if head else model.updated_at),
    }


def full(
    model: Model, revision: ModelRevision, files: Iterable[RevisionFile], *, blobs: bool
) -> dict[str, Any]:
    """Return a repository at a revision, with its files."""
    return {
        **summary(model),
        "sha": revision.revision,
        "lastModified": stamp(revision.created_at),
        "cardData": revision.card,
        "config": {
            key: revision.config[key] for key in _SHOWN if key in revision.config
        },
        "usedStorage": model.num_bytes_new,
        "spaces": [],
        "siblings": [_sibling(file, blobs=blobs) for file in files],
    }


_SHOWN = ("architectures", "model_type", "format")


def _sibling(file: RevisionFile, *, blobs: bool) -> dict[str, Any]:
    name: dict[str, Any] = {"rfilename": file.path}
    if not blobs:
        return name
    return {**name, "size": file.size, "blobId": file.git_oid, **_large(file, "sha256")}


def _large(file: RevisionFile, key: str) -> dict[str, Any]:
    if not file.is_lfs:
        return {}
    told = {key: file.sha256, "size": file.size, "pointerSize": POINTER_BYTES}
    return {"lfs": told}


def file_entry(file: RevisionFile, *, expand: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        "oid": file.git_oid,
        "size": file.size,
        "path": file.path,
        **_large(file, "oid"),
    }
    return {**entry, **_last_commit(file.since)} if expand else entry


def folder_entry(
    path: str, files: list[RevisionFile], *, expand: bool
) -> dict[str, Any]:
    """Return a folder; its id covers the paths and contents of all that it holds."""
    digest = hashlib.sha1(usedforsecurity=False)
    for file in files:
        digest.update(f"{file.path}\0{file.sha256}\n".encode())
    entry = {"type": "directory", "oid": digest.hexdigest(), "size": 0, "path": path}
    newest = max(files, key=lambda file: file.since_id)
    return {**entry, **_last_commit(newest.since)} if expand else entry


def add_scans(entries: list[dict[str, Any]], scans: dict[str, Scanned]) -> None:
    """Say beside each file what scanners said of it."""
    for entry in entries:
        if entry["path"] in scans:
            entry["securityFileStatus"] = _security(scans[entry["path"]])


def security_of(scans: dict[str, Scanned]) -> dict[str, Any]:
    """Sum up what scanners said of a repository's files."""
    bad = [path for path, scan in scans.items() if scan.is_suspicious]
    return {
        "scansDone": all(scan.verdict for scan in scans.values()),
        "filesWithIssues": [{"path": path, "level": "suspicious"} for path in bad],
    }


def _security(scan: Scanned) -> dict[str, Any]:
    status = STATUSES[scan.verdict]
    calls = [one.text for one in scan.remarks if "picklescan" in one.by]
    return {
        "status": status,
        "avScan": None,
        "pickleImportScan": {"status": status, "pickleImports": calls}
        if "picklescan" in scan.scanners
        else None,
        "scanners": scan.scanners,
        "remarks": [one.text for one in scan.remarks],
    }


STATUSES: dict[Verdict | None, str] = {
    None: "queued",
    Verdict.CLEAN: "safe",
    Verdict.SUSPICIOUS: "suspicious",
    Verdict.NOT_COVERED: "unscanned",
}


def _last_commit(revision: ModelRevision) -> dict[str, Any]:
    told = {
        "id": revision.revision,
        "title": revision.title,
        "date": stamp(revision.created_at),
    }
    return {"lastCommit": told}


def tree(
    files: list[RevisionFile], *, folder: str, recursive: bool, expand: bool
) -> list[dict[str, Any]]:
    """List what lies in a folder, sorted by path; a folder before what it holds."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    inside: dict[str, list[RevisionFile]] = {}
    for file in files:
        rest = file.path[len(prefix) :]
        ends = [at for at, letter in enumerate(rest) if letter == "/"]
        for end in ends if recursive else ends[:1]:
            inside.setdefault(prefix + rest[:end], []).append(file)
        if recursive or not ends:
            entries[file.path] = file_entry(file, expand=expand)
    for path, held in inside.items():
        entries[path] = folder_entry(path, held, expand=expand)
    return [entries[path] for path in sorted(entries)]


def commit(revision: ModelRevision) -> dict[str, Any]:
    author = revision.author
    return {
        "id": revision.revision,
        "title": revision.title,
        "message": revision.message,
        "date": stamp(revision.created_at),
        "authors": [{"user": str(author) if author else "dsportal", "avatar": ""}],
        "parents": [revision.parent.revision] if revision.parent else [],
    }


def ref(row: Ref) -> dict[str, Any]:
    target = row.revision.revision if row.revision else None
    return {"name": row.name, "ref": row.full_name, "targetCommit": target}
