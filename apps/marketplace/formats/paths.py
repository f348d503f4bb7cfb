"""Which names and paths a repository may have."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from apps.marketplace.errors import BadNameError, BadPathError
from apps.marketplace.types import NAME

LONGEST_PATH = 1000
LONGEST_PART = 255
# First parts of addresses that this server has other uses for.
RESERVED = frozenset(
    {
        "_cas", "accounts", "admin", "api", "by-images", "collections", "datasets",
        "deployments", "diagnostics", "healthz", "i18n", "jobs", "kernels",
        "labeling", "marketplace", "models", "settings", "spaces", "static",
        "training", "v1", "v2", "ws",
    }
)  # fmt: skip
# Opening one of these can run code; no page, worker or client of ours ever does.
PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".bin", ".ckpt", ".joblib"})

# Turn the direction of what follows: "\u202Efdp.exe" reads as a document.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: str) -> str:
    """Return a repository's or namespace's name.

    Raises:
        BadNameError: It is none.
    """
    is_plain = re.fullmatch(NAME, name) is not None
    if not is_plain or "--" in name or ".." in name or name.endswith(".git"):
        raise BadNameError(
            _(
                "{name} is no name for a repository: use 1 to 96 letters, "
                "digits, '-', '_' and '.', none of '--' and '..', and begin with "
                "a letter or digit"
            ).format(name=repr(name[:100]))
        )
    return name


def check_ref(name: str) -> str:
    """Return the name of a branch or tag.

    Raises:
        BadNameError: git would not take it, or it could be taken for a commit.
    """
    is_plain = re.fullmatch(r"[A-Za-z0-9._/+-]{1,200}", name) is not None
    is_odd = any(
        (part in {"", ".", ".."}) or part.endswith(".lock") or part[0] in ".-"
        for part in name.split("/")
    )
    if not is_plain or is_odd or ".." in name or re.fullmatch("[0-9a-f]{40}", name):
        raise BadNameError(
            _("{name} is no name for a branch or tag").format(name=repr(name[:100]))
        )
    return name


def check_path(path: str) -> str:
    """Return the path of a file in a repository.

    Raises:
        BadPathError: It could lead out of a folder, or no file system takes it.
    """
    parts = path.split("/")
    is_odd = (
        len(path.encode()) > LONGEST_PATH
        or any(part in {"", ".", "..", ".git"} for part in parts)
        or any(len(part.encode()) > LONGEST_PART for part in parts)
        or "\\" in path
        or any(unicodedata.category(one) in {"Cc", "Cs"} for one in path)
        or not TURNING.isdisjoint(path)
    )
    if is_odd:
        raise BadPathError(
            _(
                "{path} is no path for a file: no empty part, '.', '..', '.git', "
                "backslash or control character, at most {longest} bytes"
            ).format(path=repr(path[:120]), longest=LONGEST_PATH)
        )
    return path


def twins(paths: Iterable[str], named: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield which of ``named`` are one with another path where case does not count.

    macOS takes letters with accents for the same, too, in one piece or in two.
    """
    wanted = {_folded(path): path for path in named}
    for other in paths:
        path = wanted.get(_folded(other), other)
        if path != other:
            yield path, other


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
