"""Talks to a dsportal server: ``Client(url, token)``, and the ``dsportal`` command."""

from dsportal.client.api import Client
from dsportal.client.errors import (
    ClientError,
    NotFoundError,
    RefusedError,
    ServerDownError,
    TokenError,
)
from dsportal.client.types import Event, Job, Project, Uploaded, Workspace

__all__ = [
    "Client",
    "ClientError",
    "Event",
    "Job",
    "NotFoundError",
    "Project",
    "RefusedError",
    "ServerDownError",
    "TokenError",
    "Uploaded",
    "Workspace",
]
