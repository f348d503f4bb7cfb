"""Keeps the address and the token of ``dsportal login`` for its owner's eyes only."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from dsportal.client.errors import ClientError


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    url: str
    token: str


def path() -> Path:
    """Where it is kept: in the user's config folder, wherever the system has that."""
    return Path(click.get_app_dir("dsportal")) / "login.json"


def store(login: Login) -> Path:
    target = path()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target.with_suffix(".new")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(asdict(login), file)
    partial.replace(target)
    return target


def load() -> Login:
    """Return the stored login.

    Raises:
        ClientError: There is none, or it cannot be read.
    """
    try:
        return Login(**json.loads(path().read_text()))
    except FileNotFoundError:
        raise ClientError("log in first: `dsportal login URL`") from None
    except (OSError, ValueError, TypeError) as exc:
        raise ClientError(
            f"{path()} cannot be read ({exc}): log in again with `dsportal login URL`"
        ) from exc
