"""Models of a portal by name: `owner/name`, or `owner/name@revision`.

The portal is the one that `HF_ENDPOINT` names, with the token of `HF_TOKEN`, as for
every other client of its hub. A revision is fetched once and then kept.
"""

import os
import re
import tempfile
from pathlib import Path
from urllib.parse import quote

import httpx

from deepseek_vision.errors import UnknownModelError

# Nothing else of a repository is opened, so nothing else is fetched.
FILES = (
    *("config.json", "README.md", "prompts.safetensors", "quantization.json"),
    *("model.safetensors", "model.onnx", "model.int8.onnx"),
)
_NAME = re.compile(r"(\w[\w.-]*)/(\w[\w.-]*)(?:@(\w[\w./-]*))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PATIENCE_S = 30.0


def fetch(name: str) -> Path:
    """The folder of a repository's revision (`main` where none is named).

    Where the portal does not answer, the revision fetched last under that name serves.

    Raises:
        UnknownModelError: where it is not there, not for this token, or out of reach.
    """
    match = _NAME.fullmatch(name)
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    if match is None or not endpoint:
        raise UnknownModelError(
            f"{name} is a repository's name: set HF_ENDPOINT to your portal's address "
            "and HF_TOKEN to a token, or give a model's folder"
        )
    owner, repository, revision = match[1], match[2], match[3] or "main"
    host = re.sub(r"\W+", "_", endpoint.partition("://")[2])
    kept = _cache() / host / owner / repository
    pointer = kept / "refs" / quote(revision, safe="")
    token = os.environ.get("HF_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(
            base_url=endpoint,
            headers=headers,
            timeout=_PATIENCE_S,
            follow_redirects=True,
        ) as portal:
            where = f"/api/models/{owner}/{repository}/revision/{quote(revision)}"
            told = _checked(portal.get(where), name).json()
            files = {one["rfilename"] for one in told["siblings"]}
            folder = _download(portal, name, kept, told["sha"], files)
    except httpx.TransportError as error:
        if not pointer.is_file():
            raise UnknownModelError(
                f"{name}: {endpoint} cannot be reached ({error})"
            ) from None
        return kept / pointer.read_text(encoding="utf-8")
    pointer.parent.mkdir(parents=True, exist_ok=True)
    pointer.write_text(folder.name, encoding="utf-8")
    return folder


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "dsportal" / "models"


def _checked(answer: httpx.Response, name: str) -> httpx.Response:
    if answer.status_code in {401, 403, 404}:
        raise UnknownModelError(
            f"{name}: the portal has no such model or revision for this token "
            f"({answer.status_code}); see HF_TOKEN and the name"
        )
    if answer.is_error:
        raise UnknownModelError(f"{name}: the portal answered {answer.status_code}")
    return answer


def _download(
    portal: httpx.Client, name: str, kept: Path, commit: str, files: set[str]
) -> Path:
    """All files of a commit, or none: they are moved in place together."""
    if not _COMMIT.fullmatch(commit):
        raise UnknownModelError(f"{name}: {commit!r} is no commit; is this a portal?")
    folder = kept / commit
    if folder.is_dir():
        return folder
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept) as partial:
        whole = Path(partial) / commit
        whole.mkdir()
        owner, repository = kept.parent.name, kept.name
        for file in FILES:
            if file not in files:
                continue
            where = f"/{owner}/{repository}/resolve/{commit}/{file}"
            with portal.stream("GET", where) as answer, (whole / file).open("wb") as to:
                for block in _checked(answer, name).iter_bytes():
                    to.write(block)
        if not folder.is_dir():
            whole.rename(folder)
    return folder
