"""Images at addresses of the web, fetched by this server."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import IO

import httpx

from apps.core.fetching import fetch
from apps.labeling.sources.offers import Offer, Offers

MAX_ADDRESSES = 10_000
IN_MEMORY_BYTES = 2**20


def fetched(client: httpx.Client, urls: Sequence[str]) -> Offers:
    """What lies at each address, named by the end of its path."""
    rows = [Offer(name=_name(url), open=partial(_lent, client, url)) for url in urls]
    return Offers(rows=rows, num_total=len(rows))


def _name(url: str) -> str:
    try:
        path = httpx.URL(url).path
    except httpx.InvalidURL:
        return url[:255]
    return PurePosixPath(path).name or url[:255]


@contextmanager
def _lent(client: httpx.Client, url: str) -> Iterator[IO[bytes]]:
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        fetch(client, url, file)
        yield file
