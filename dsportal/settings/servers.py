"""Turns the three server addresses of the environment into Django's dictionaries."""

import base64
import binascii
import importlib.util
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def database(url: str, *, threads: int = 0) -> dict[str, Any]:
    """Read DATABASE_URL: ``postgresql://user:password@host:port/name?host=/socket``.

    Args:
        url: Empty means the local default socket.
        threads: Size of the connection pool; 0 keeps one connection a process, which
            is what forking workers need.

    Raises:
        ImproperlyConfigured: The address is not one of a PostgreSQL database.
    """
    parts = urlsplit(url or "postgresql://postgres@/dsportal")
    if parts.scheme not in {"postgresql", "postgres"} or len(parts.path) < 2:
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgresql://user:password@host:5432/name, "
            f"got {parts.scheme}://{parts.hostname or ''}{parts.path}"
        )
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    options: dict[str, Any] = {"connect_timeout": 10}
    if threads:
        options["pool"] = {"min_size": 2, "max_size": threads + 4, "timeout": 10}
    return {
        "ENGINE": "dsportal.database",
        "NAME": unquote(parts.path[1:]),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": {**options, **query},
        "CONN_HEALTH_CHECKS": not threads,  # a pool's are looked at by the backend
        "CONN_MAX_AGE": 0 if threads else 60,
    }


def celery_broker(redis_url: str) -> str:
    """Celery spells a unix socket ``redis+socket://``."""
    if redis_url.startswith("unix://"):
        return redis_url.replace("unix://", "redis+socket://", 1)
    return redis_url


def valkey_cache(redis_url: str) -> dict[str, Any]:
    joiner = "&" if "?" in redis_url else "?"
    return {
        "BACKEND": "apps.core.cache.ForgivingRedisCache",
        "LOCATION": f"{redis_url}{joiner}db=2",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    }


def blob_storage(url: str, *, default: Path) -> dict[str, Any]:
    """Read STORAGE_URL: a folder, or ``s3://key:secret@endpoint/bucket?region=…``.

    ``s3://bucket`` alone takes credentials and region from the environment, as the
    AWS tools do; ``?tls=0`` speaks plain HTTP to an endpoint of one's own.

    Raises:
        ImproperlyConfigured: The scheme is neither a folder nor S3.
    """
    if not url or url.startswith(("/", "file://")):
        folder = Path(unquote(urlsplit(url).path)) if url else default
        return {
            "BACKEND": "apps.core.storage.AtomicFileSystemStorage",
            "OPTIONS": {"location": str(folder)},
        }
    parts = urlsplit(url)
    if parts.scheme != "s3" or importlib.util.find_spec("storages") is None:
        raise ImproperlyConfigured(
            "STORAGE_URL must be a folder or s3://key:secret@endpoint/bucket, "
            f"got {parts.scheme}://..."
        )
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    bucket = parts.path.strip("/")
    options: dict[str, Any] = {
        "bucket_name": bucket or parts.hostname,
        "region_name": query.get("region", "us-east-1"),
        "signature_version": "s3v4",
        "querystring_auth": True,
        "querystring_expire": 600,
        "file_overwrite": True,
        "default_acl": None,
    }
    if bucket:
        scheme = "http" if query.get("tls") == "0" else "https"
        port = f":{parts.port}" if parts.port else ""
        options["endpoint_url"] = f"{scheme}://{parts.hostname}{port}"
    if parts.username:
        options["access_key"] = unquote(parts.username)
        options["secret_key"] = unquote(parts.password or "")
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def image_buckets(text: str) -> dict[str, dict[str, Any]]:
    """Read IMAGE_BUCKETS: ``name=address`` with blanks between, addresses as above.

    Or ``azure://account:key@host/container``; instead of the key the query may be a
    shared access signature, and with neither the container is a public one.

    Raises:
        ImproperlyConfigured: A part has no name, or its address is none.
    """
    found = {}
    for part in text.split():
        name, sign, url = part.partition("=")
        if not name or not sign or not url or "://" in name:
            raise ImproperlyConfigured(
                "IMAGE_BUCKETS is name=s3://key:secret@endpoint/bucket ..., "
                f"got a part named {name.partition('://')[0]!r}"
            )
        if url.startswith("azure://"):
            options, kind = _azure_container(name, url), "azure.AzureBucket"
        elif not url.startswith(("/", "file://", "s3://")):
            raise ImproperlyConfigured(
                f"IMAGE_BUCKETS: {name} must be a folder, s3://key:secret@endpoint/bucket "
                "or azure://account:key@host/container"
            )
        else:
            options = blob_storage(url, default=Path(url))["OPTIONS"]
            kind = "s3.S3Bucket" if "bucket_name" in options else "folders.FolderBucket"
        found[name] = {
            "BACKEND": f"apps.labeling.sources.{kind}",
            "OPTIONS": options,
        }
    return found


def _azure_container(name: str, url: str) -> dict[str, Any]:
    """Keys are base64, so they may have slashes, which no other address has there."""
    credentials, _, address = url.removeprefix("azure://").rpartition("@")
    account, _, key = unquote(credentials).partition(":")
    parts = urlsplit(f"//{address}")
    folder, _, container = parts.path.strip("/").rpartition("/")
    query = [pair for pair in parts.query.split("&") if pair]
    scheme = "http" if "tls=0" in query else "https"
    if not parts.netloc or not container or bool(account) != _is_base64(key):
        raise ImproperlyConfigured(
            f"IMAGE_BUCKETS: {name} must look like azure://ACCOUNT:KEY@"
            "ACCOUNT.blob.core.windows.net/CONTAINER, with the key as Azure shows it"
        )
    return {
        "account_url": f"{scheme}://{parts.netloc}/{folder}".rstrip("/"),
        "azure_container": unquote(container),
        "account_name": account or None,
        "account_key": key or None,
        "sas_token": "&".join(pair for pair in query if pair != "tls=0") or None,
    }


def _is_base64(key: str) -> bool:
    try:
        return bool(base64.b64decode(key, validate=True))
    except binascii.Error:
        return False


def blob_origins(url: str) -> list[str]:
    """Say which hosts a browser is sent to for a blob, as a policy names them."""
    parts = urlsplit(url)
    if parts.scheme != "s3":
        return []
    query = parse_qs(parts.query)
    if not parts.path.strip("/"):
        return ["https://*.amazonaws.com"]
    scheme = "http" if query.get("tls") == ["0"] else "https"
    port = f":{parts.port}" if parts.port else ""
    return [f"{scheme}://{parts.hostname}{port}"]
