"""Reads what Xet clients send: xorbs, which hold chunks, and shards, which join them.

Layouts and hashes are those of the published Xet specification. Everything here reads
what a stranger wrote: each count and length is bounded before it is used.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import lz4.frame
from blake3 import blake3
from django.utils.translation import gettext as _

from apps.marketplace.errors import BadXetError

LARGEST_XORB = 64 * 1024 * 1024 + 64 * 1024
LARGEST_SHARD = 64 * 1024 * 1024
LARGEST_CHUNK = 128 * 1024
_CHUNK_HEADER = 8
_RECORD = 48
_HEADER_SIZE = 48
_WITH_VERIFICATION = 1 << 31
_WITH_METADATA = 1 << 30
_BOOKEND = b"\xff" * 32
_FOOTER_MARK = b"XETBLOB"
_DATA_KEY = bytes.fromhex(
    "6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229"
)
_NODE_KEY = bytes.fromhex(
    "017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f"
)
_FANOUT = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies in its xorb and how it was packed."""

    offset: int
    packed: int
    scheme: int
    size: int


@dataclass(frozen=True, slots=True)
class Term:
    """A run of chunks of one xorb, which make up a stretch of a file."""

    xorb: str
    first: int
    end: int
    size: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A file as its terms in order, with the digest that it must come out with."""

    sha256: str
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        return sum(term.size for term in self.terms)


@dataclass(frozen=True, slots=True)
class Shard:
    """What a client says of the files it sent.

    Attributes:
        new_xorbs: Those that the client had to send for them.
    """

    files: tuple[ShardFile, ...]
    new_xorbs: frozenset[str]


def hash_text(raw: bytes) -> str:
    """Write a hash as addresses do: four little-endian words in hexadecimal."""
    return "".join(raw[at : at + 8][::-1].hex() for at in range(0, 32, 8))


def read_chunks(file: IO[bytes], size: int) -> list[Chunk]:
    """List a xorb's chunks from their headers.

    Raises:
        BadXetError: A header is none, or its chunk leads beyond the end.
    """
    chunks, offset = [], 0
    while offset < size:
        file.seek(offset)
        header = file.read(_CHUNK_HEADER)
        if header.startswith(_FOOTER_MARK):
            break
        packed = int.from_bytes(header[1:4], "little")
        unpacked = int.from_bytes(header[5:8], "little")
        is_sound = (
            len(header) == _CHUNK_HEADER
            and header[0] == 0
            and header[4] <= 2
            and 0 < unpacked <= LARGEST_CHUNK
            and 0 < packed <= 2 * LARGEST_CHUNK
            and offset + _CHUNK_HEADER + packed <= size
        )
        if not is_sound:
            raise BadXetError(
                _("the xorb has a broken chunk at byte {offset}").format(offset=offset)
            )
        chunks.append(Chunk(offset + _CHUNK_HEADER, packed, header[4], unpacked))
        offset += _CHUNK_HEADER + packed
    if not chunks:
        raise BadXetError(_("the xorb has no chunks"))
    return chunks


def unpack(file: IO[bytes], chunk: Chunk) -> bytes:
    """Return a chunk's bytes.

    Raises:
        BadXetError: They are not as many as its header says.
    """
    file.seek(chunk.offset)
    data = file.read(chunk.packed)
    if chunk.scheme:
        try:
            unpacker = lz4.frame.LZ4FrameDecompressor()
            data = unpacker.decompress(data, max_length=chunk.size + 1)
        except (RuntimeError, EOFError) as exc:
            raise BadXetError(_("a chunk of the xorb cannot be unpacked")) from exc
    if len(data) != chunk.size:
        raise BadXetError(_("a chunk of the xorb unpacks to another length"))
    return _ungroup(data) if chunk.scheme == 2 else data


def _ungroup(data: bytes) -> bytes:
    """Undo the grouping of bytes by their place in words of four."""
    out, start = bytearray(len(data)), 0
    for place in range(4):
        length = (len(data) - place + 3) // 4
        out[place::4] = data[start : start + length]
        start += length
    return bytes(out)


def xorb_hash(file: IO[bytes], chunks: Sequence[Chunk]) -> str:
    """Unpack all chunks and return the name that the xorb must have."""
    nodes = []
    for chunk in chunks:
        data = unpack(file, chunk)
        nodes.append((blake3(data, key=_DATA_KEY).digest(), len(data)))
    while len(nodes) > 1:
        nodes = [_join(group) for group in _groups(nodes)]
    return hash_text(nodes[0][0])


def _groups(nodes: list[tuple[bytes, int]]) -> Iterator[list[tuple[bytes, int]]]:
    start = 0
    while start < len(nodes):
        end = min(start + 2 * _FANOUT + 1, len(nodes))
        for at in range(start + 2, end):
            if int.from_bytes(nodes[at][0][24:], "little") % _FANOUT == 0:
                end = at + 1
                break
        yield nodes[start:end]
        start = end


def _join(group: list[tuple[bytes, int]]) -> tuple[bytes, int]:
    lines = "".join(f"{hash_text(raw)} : {size}\n" for raw, size in group)
    digest = blake3(lines.encode(), key=_NODE_KEY).digest()
    return digest, sum(size for _between, size in group)


def read_shard(data: bytes) -> Shard:
    """Read the files of a shard.

    Raises:
        BadXetError: It is cut short, or a file has no digest.
    """
    reader = _Records(data, at=_HEADER_SIZE)
    files = []
    while (head := reader.next())[:32] != _BOOKEND:
        flags, count = _number(head, 32), _number(head, 36)
        terms = tuple(_term(reader.next()) for _ in range(reader.bounded(count)))
        if flags & _WITH_VERIFICATION:
            reader.skip(count)
        if not flags & _WITH_METADATA:
            raise BadXetError(_("the shard has a file without its SHA-256"))
        files.append(ShardFile(sha256=hash_text(reader.next()[:32]), terms=terms))
    xorbs = set()
    while (head := reader.next())[:32] != _BOOKEND:
        xorbs.add(hash_text(head[:32]))
        reader.skip(_number(head, 36))
    return Shard(files=tuple(files), new_xorbs=frozenset(xorbs))


def _term(record: bytes) -> Term:
    first, end = _number(record, 40), _number(record, 44)
    if first >= end:
        raise BadXetError(_("the shard has an empty run of chunks"))
    return Term(hash_text(record[:32]), first, end, _number(record, 36))


def _number(record: bytes, at: int) -> int:
    return int.from_bytes(record[at : at + 4], "little")


class _Records:
    """Walks a shard in its records of 48 bytes."""

    def __init__(self, data: bytes, *, at: int) -> None:
        self._data, self._at = data, at

    def next(self) -> bytes:
        record = self._data[self._at : self._at + _RECORD]
        if len(record) != _RECORD:
            raise BadXetError(_("the shard is cut short"))
        self._at += _RECORD
        return record

    def bounded(self, count: int) -> int:
        if count * _RECORD > len(self._data) - self._at:
            raise BadXetError(_("the shard is cut short"))
        return count

    def skip(self, count: int) -> None:
        self._at += self.bounded(count) * _RECORD
