"""Talks to a dsportal server: ``Client(url, token)``, and the ``dsportal`` command."""

from dsportal.client.api import Client
from dsportal.client.endpoints import Endpoint, Found, Prediction
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
    "Endpoint",
    "Event",
    "Found",
    "Job",
    "NotFoundError",
    "Prediction",
    "Project",
    "RefusedError",
    "ServerDownError",
    "TokenError",
    "Uploaded",
    "Workspace",
]
