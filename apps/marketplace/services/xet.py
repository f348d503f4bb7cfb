"""Takes in what Xet clients send: new chunks only, joined here to whole files.

A client remembers per address which chunks it has sent, and sends them once. So the
address carries an epoch: where chunks are gone, the next epoch makes it send again.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO

from django.db.models import F
from django.utils.translation import gettext as _

from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.marketplace.errors import BadXetError, WrongBytesError
from apps.marketplace.formats.xet import (
    LARGEST_XORB,
    Chunk,
    Shard,
    ShardFile,
    Term,
    read_chunks,
    unpack,
    xorb_hash,
)
from apps.marketplace.models import Model, Namespace, Xorb
from apps.marketplace.services.incoming import note_upload, received


def keep_xorb(namespace_id: int, name: str, pieces: Iterable[bytes]) -> bool:
    """Store a xorb whose chunks hash to its name.

    Returns:
        Whether it is new.

    Raises:
        BadXetError: They hash to something else, or it is no xorb.
    """
    with received(pieces, largest=LARGEST_XORB) as got:
        found = xorb_hash(got.file, read_chunks(got.file, got.size))
        if found != name:
            raise BadXetError(
                _("the xorb hashes to {found}, not to {name}").format(
                    found=found[:12], name=name[:12]
                )
            )
        got.keep()
        _row, is_new = Xorb.objects.update_or_create(
            namespace_id=namespace_id,
            name=name,
            defaults={"sha256": got.sha256, "size": got.size},
        )
    return is_new


def join_files(model: Model, shard: Shard) -> None:
    """Join each file of a shard, check its digest and let the repository commit it.

    Raises:
        BadXetError: A xorb is missing, in which case the epoch goes on.
        WrongBytesError: A file came out with another digest; it was not kept.
    """
    for file in shard.files:
        try:
            _join(model, file, shard.new_xorbs)
        except NotFoundError as exc:
            Namespace.objects.filter(pk=model.namespace_id).update(epoch=F("epoch") + 1)
            raise BadXetError(
                _(
                    "chunks that were sent once are gone from this server: upload "
                    "again, the client then sends all of them"
                )
            ) from exc


def _join(model: Model, file: ShardFile, new_xorbs: frozenset[str]) -> None:
    new = sum(
        {term: term.size for term in file.terms if term.xorb in new_xorbs}.values()
    )
    is_here = blobs.is_kept(file.sha256)
    with ExitStack() as lent:
        xorbs = _Xorbs(model.namespace_id, lent)
        pieces = (piece for term in file.terms for piece in xorbs.read(term))
        if is_here:
            _check(pieces, file)
        else:
            with received(pieces, largest=file.size) as got:
                if got.sha256 != file.sha256:
                    raise WrongBytesError(
                        _("the chunks make {found}, not {told}").format(
                            found=got.sha256[:12], told=file.sha256[:12]
                        )
                    )
                got.keep()
    note_upload(model, sha256=file.sha256, size=file.size, new=new)


def _check(pieces: Iterable[bytes], file: ShardFile) -> None:
    """Make sure that who names a known digest has its bytes too."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    if digest.hexdigest() != file.sha256:
        raise WrongBytesError(
            _("the chunks do not make {told}").format(told=file.sha256[:12])
        )


class _Xorbs:
    """The xorbs of one namespace, each opened once while a file is joined."""

    def __init__(self, namespace_id: int, lent: ExitStack) -> None:
        self._namespace_id, self._lent = namespace_id, lent
        self._open: dict[str, tuple[IO[bytes], list[Chunk]]] = {}

    def read(self, term: Term) -> Iterator[bytes]:
        file, chunks = self._open.get(term.xorb) or self._find(term.xorb)
        if term.end > len(chunks):
            raise BadXetError(_("the shard names chunks that the xorb does not have"))
        for chunk in chunks[term.first : term.end]:
            yield unpack(file, chunk)

    def _find(self, name: str) -> tuple[IO[bytes], list[Chunk]]:
        row = Xorb.objects.filter(namespace=self._namespace_id, name=name).first()
        if row is None:
            raise NotFoundError(_("xorb not found"))
        if len(self._open) >= 64:
            self._lent.close()
            self._open.clear()
        file = self._lent.enter_context(blobs.open_blob(row.sha256))
        self._open[name] = (file, read_chunks(file, row.size))
        return self._open[name]
