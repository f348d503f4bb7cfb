"""Servers of the user's own, tried before anything is started against them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import redis

from dsportal.services.steps import StepError, system_error

TIMEOUT_S = 5


def check_database(url: str) -> None:
    """Connect once.

    Raises:
        StepError: It cannot be reached, refuses us, or has no such database.
    """
    shown = _without_password(url)
    try:
        with psycopg.connect(url, connect_timeout=TIMEOUT_S) as connection:
            connection.execute("SELECT 1")
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = " ".join(str(error).split())
        raise StepError(
            "DATABASE_URL", f"{shown}: {reason}", fix=_advice(reason)
        ) from error


def check_valkey(url: str) -> None:
    """Send one PING.

    Raises:
        StepError: It cannot be reached or refuses us.
    """
    shown = _without_password(url)
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S
        ) as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise StepError(
            "REDIS_URL",
            f"{shown}: {error}",
            fix="put the right password into REDIS_URL",
        ) from error
    except (redis.RedisError, ValueError) as error:
        raise StepError(
            "REDIS_URL",
            f"{shown}: {error}",
            fix="start that server, correct the address (redis://:password@host:6379), "
            "or unset REDIS_URL to use the embedded one",
        ) from error


def check_storage(url: str) -> None:
    """See that a folder can be written to; a bucket answers for itself when used."""
    if not url.startswith(("/", "file://")):
        return
    folder = Path(urlsplit(url).path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".dsportal-{os.getpid()}"
        probe.write_bytes(b"1")
        probe.unlink()
    except OSError as error:
        raise system_error("STORAGE_URL", error) from error


def _advice(reason: str) -> str:
    if "password" in reason or "authentication" in reason:
        return "put the right user and password into DATABASE_URL"
    if "does not exist" in reason:
        return "create it first: `createdb NAME`, owned by the user of DATABASE_URL"
    return (
        "start that server, correct the address (postgresql://user:password@host:5432"
        "/name), or unset DATABASE_URL to use the embedded one"
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.password:
        return url
    return url.replace(f":{parts.password}@", ":***@")
