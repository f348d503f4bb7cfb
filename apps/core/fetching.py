"""Fetches a file from an address that somebody gave, where this server may go."""

import time
from collections.abc import Mapping
from typing import IO

import httpx
from django.conf import settings
from django.utils.translation import gettext as _

from apps.core.addresses import check_address
from apps.core.errors import DomainError, TooLargeError

MAX_HOPS = 5
TIMEOUT_S = 20.0
WHOLE_S = 300.0


class FetchError(DomainError):
    """An address did not answer with a file."""

    code = "not_fetched"


def fetch(
    client: httpx.Client,
    url: str,
    file: IO[bytes],
    *,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Write what lies at an address to a file.

    Args:
        client: Keeps connections.
        url: http or https; what it leads on to is judged as well.
        file: Where to.
        headers: For the address's own host; what it leads on to elsewhere gets none.

    Raises:
        BadAddressError: It leads where this server must not go.
        FetchError: It answers with no file, or too slowly.
        TooLargeError: More than an upload may have.
    """
    try:
        _fetch(client, httpx.URL(url), file, headers or {})
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        reason = str(exc) or type(exc).__name__
        raise FetchError(
            _("{url} cannot be fetched: {reason}").format(url=url, reason=reason)
        ) from exc


def _fetch(
    client: httpx.Client, url: httpx.URL, file: IO[bytes], headers: Mapping[str, str]
) -> None:
    end, own = time.monotonic() + WHOLE_S, url.netloc
    for _hop in range(MAX_HOPS):
        answer = _ask(client, url, headers if url.netloc == own else {})
        try:
            if answer.has_redirect_location:
                url = url.join(answer.headers["location"])
                continue
            if not answer.is_success:
                raise FetchError(
                    _("{url} answers {status}").format(
                        url=url, status=answer.status_code
                    )
                )
            _receive(answer, file, end)
            return
        finally:
            answer.close()
    raise FetchError(_("{url} leads from one address to the next").format(url=url))


def _ask(
    client: httpx.Client, url: httpx.URL, headers: Mapping[str, str]
) -> httpx.Response:
    """Ask the very address that was judged: its name may mean another next time."""
    found = check_address(
        str(url),
        may_be_here=settings.FETCH_FROM_PRIVATE_NETWORKS,
        may_be_private=settings.FETCH_FROM_PRIVATE_NETWORKS,
    )
    # A host without a route for IPv6 still looks such addresses up.
    address = min(found, key=lambda one: one.version)
    request = client.build_request(
        "GET",
        url.copy_with(host=str(address)),
        headers={
            **headers,
            "Host": url.netloc.decode("ascii"),
            "User-Agent": "dsportal",
        },
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
    return client.send(request, stream=True)


def _receive(answer: httpx.Response, file: IO[bytes], end: float) -> None:
    size = 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > settings.MAX_UPLOAD_BYTES:
            raise TooLargeError(
                _("it is more than the {limit} MiB allowed").format(
                    limit=settings.MAX_UPLOAD_BYTES // 2**20
                )
            )
        if time.monotonic() > end:
            raise FetchError(
                _("it did not arrive within {num} s").format(num=int(WHOLE_S))
            )
        file.write(piece)
