"""The connection of a command, from its options or the stored login."""

import click

from dsportal.client import logins
from dsportal.client.api import Client


def client_of(ctx: click.Context) -> Client:
    """Open a client that the context closes."""
    url, token = ctx.obj
    if not (url and token):
        login = logins.load()
        url, token = url or login.url, token or login.token
    return ctx.with_resource(Client(url, token))
