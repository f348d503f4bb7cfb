"""What the upstream says of a model: one short question, and all refusals in plain words."""

import re
from typing import Any
from urllib.parse import quote

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apps.marketplace.catalogue.errors import (
    BadSourceNameError,
    NotUpstreamError,
    UpstreamAwayError,
    UpstreamRefusedError,
)
from apps.marketplace.catalogue.types import Upstream, UpstreamFile
from apps.marketplace.types import NAME

TIMEOUT = httpx.Timeout(10.0, connect=4.0)
SHA = re.compile(r"[0-9a-f]{40}")
_GONE = {"RepoNotFound", "RevisionNotFound", "EntryNotFound"}


def upstream_url() -> str:
    return str(settings.HUB_UPSTREAM).rstrip("/")


def check_source(source: str) -> str:
    """Return ``namespace/name``.

    Raises:
        BadSourceNameError: It is none.
    """
    if re.fullmatch(f"{NAME}/{NAME}", source) is None:
        raise BadSourceNameError(
            _(
                "{source} names no model at the upstream: write namespace/name, such as "
                "timm/resnet18.a1_in1k"
            ).format(source=repr(source[:100]))
        )
    return source


def look_upstream(source: str, revision: str) -> Upstream:
    """Ask the upstream for a revision and its files.

    Raises:
        UpstreamAwayError: No upstream is set, it does not answer, or not as a Hub does.
        NotUpstreamError: It has no such model or revision for this server.
        UpstreamRefusedError: A gate stands before the files, or the token is refused.
    """
    if not upstream_url():
        raise UpstreamAwayError(
            _(
                "this server has no upstream to fetch from: set HUB_UPSTREAM, or upload "
                "the files with hf upload"
            )
        )
    path = f"/api/models/{source}/revision/{quote(revision, safe='')}"
    with httpx.Client(
        base_url=upstream_url(),
        headers=_headers(),
        timeout=TIMEOUT,
        follow_redirects=True,
    ) as client:
        told = _asked(client, path, source, revision, blobs="true")
        if told.get("gated"):
            _check(client.get(f"/api/models/{source}/auth-check"), source, revision)
    return _read(told, source)


def _headers() -> dict[str, str]:
    token = settings.HUB_UPSTREAM_TOKEN
    told = {"User-Agent": "dsportal"}
    return {**told, "Authorization": f"Bearer {token}"} if token else told


def _asked(
    client: httpx.Client, path: str, source: str, revision: str, **params: str
) -> dict[str, Any]:
    try:
        answer = client.get(path, params=params)
        _check(answer, source, revision)
        told = answer.json()
    except httpx.HTTPError as exc:
        raise UpstreamAwayError(
            _(
                "{url} does not answer ({reason}): check this server's network, or fetch "
                "where there is one and carry the model here with hf upload"
            ).format(url=upstream_url(), reason=str(exc) or type(exc).__name__)
        ) from exc
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise _no_hub()
    return told


def _check(answer: httpx.Response, source: str, revision: str) -> None:
    code = answer.headers.get("X-Error-Code", "")
    if answer.is_success:
        return
    if answer.status_code == 404 or code in _GONE:
        raise NotUpstreamError(
            _(
                "{url} has no model {source} at {revision}, or none that this server may "
                "know of: check the name there"
            ).format(url=upstream_url(), source=source, revision=revision)
        )
    if answer.status_code in {401, 403}:
        raise UpstreamRefusedError(
            _(
                "{url} does not give {source} to this server ({status}): accept its terms "
                "at {url}/{source} and have the token of that account set as "
                "HUB_UPSTREAM_TOKEN"
            ).format(url=upstream_url(), source=source, status=answer.status_code)
        )
    raise UpstreamAwayError(
        _("{url} answers {status}: try again later").format(
            url=upstream_url(), status=answer.status_code
        )
    )


def _read(told: dict[str, Any], source: str) -> Upstream:
    try:
        files = tuple(
            UpstreamFile(
                path=str(row["rfilename"]),
                size=int(row["size"]),
                git_oid=str(row["blobId"]),
                sha256=str((row.get("lfs") or {}).get("sha256", "")),
            )
            for row in told["siblings"]
        )
        sha = str(told["sha"])
    except (KeyError, TypeError, ValueError) as exc:
        raise _no_hub() from exc
    if SHA.fullmatch(sha) is None:
        raise _no_hub()
    # A model that was renamed answers under its new name.
    name = str(told.get("id", source))
    card = told.get("cardData")
    licence = card.get("license") if isinstance(card, dict) else None
    return Upstream(
        source=check_source(name),
        sha=sha,
        files=files,
        licence=licence if isinstance(licence, str) else "",
    )


def _no_hub() -> UpstreamAwayError:
    return UpstreamAwayError(
        _("{url} does not speak the Hub's protocol: check HUB_UPSTREAM").format(
            url=upstream_url()
        )
    )
