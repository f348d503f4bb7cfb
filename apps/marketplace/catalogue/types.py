from dataclasses import dataclass
from typing import Any

OWN_LIBRARY = "dsportal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Pretrained weights that somebody publishes, as the library that loads them says.

    Attributes:
        source: ``namespace/name`` at the upstream; of our own, here.
        library: What loads them: timm, transformers or dsportal.
        family: The architecture's.
        parameters: None where nobody counted them.
        height: Of the pictures that the weights were made for, in pixels; else None.
        classes: How many it tells apart; None where that is not said.
        licence: As the library names it; "" where it does not.
        origin: Where the weights were first published; "" where that is not said.
        files: What the library looks for at the source.
    """

    source: str
    library: str
    task: str
    family: str
    parameters: int | None
    height: int | None
    width: int | None
    classes: int | None
    licence: str
    origin: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamFile:
    """A file as the upstream announces it.

    Attributes:
        git_oid: SHA-1 as git names the bytes, or those of a large file's pointer.
        sha256: Of a large file; small ones go by ``git_oid``.
    """

    path: str
    size: int
    git_oid: str
    sha256: str = ""

    def to_wire(self) -> list[Any]:
        return [self.path, self.size, self.git_oid, self.sha256]

    @classmethod
    def from_wire(cls, told: list[Any]) -> "UpstreamFile":
        path, size, git_oid, sha256 = told
        return cls(path=path, size=size, git_oid=git_oid, sha256=sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A revision at the upstream.

    Attributes:
        licence: As its card says there; "" where it does not.
    """

    source: str
    sha: str
    files: tuple[UpstreamFile, ...]
    licence: str = ""
