"""What commands begin with: the connection, a version by its name, a job's progress."""

import sys

import click

from dsportal.client import logins
from dsportal.client.api import Client
from dsportal.client.errors import ClientError


def client_of(ctx: click.Context) -> Client:
    """Open a client that the context closes."""
    url, token = ctx.obj
    if not (url and token):
        login = logins.load()
        url, token = url or login.url, token or login.token
    return ctx.with_resource(Client(url, token))


def version_of(client: Client, dataset: str) -> int:
    """A dataset version's id; of a project, its newest one."""
    if dataset.isdecimal():
        return int(dataset)
    newest = next(iter(client.versions(dataset)), None)
    if newest is None:
        raise ClientError(f"{dataset} has no dataset version: make-version makes one")
    return newest.id


def follow(client: Client, job_id: str, *, label: str) -> str:
    """Show a job's progress beside what is printed until it is over; returns its status."""
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:
        for event in client.watch(job_id):
            if event.kind == "progress":
                bar.length = event.payload["total"]
                bar.update(event.payload["done"] - bar.pos)
    return client.job(job_id).status
