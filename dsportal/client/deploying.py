"""``dsportal targets``: plan, confirm, check and remove deployments elsewhere."""

from pathlib import Path
from typing import Any

import click

from dsportal.client.api import Client
from dsportal.client.errors import ClientError
from dsportal.client.opening import client_of


@click.group()
def targets() -> None:
    """Deploy to clusters and clouds, and make bundles: plan first, then confirm."""


@targets.command("where")
@click.pass_context
def where(ctx: click.Context) -> None:
    """Name the targets and what each asks: its default, or ... where there is none."""
    for target in client_of(ctx).targets():
        click.echo(f"{target['key']:<14} {target['title']}")
        for option in target["options"]:
            is_open = option["is_required"] and option["default"] == ""
            choices = f"  ({', '.join(option['choices'])})" if option["choices"] else ""
            value = "..." if is_open else f"{option['default']}{choices}"
            click.echo(f"{'':<14} {option['name']}={value}")


@targets.command("list")
@click.pass_context
def listed(ctx: click.Context) -> None:
    """List what was planned and made, newest first."""
    for row in client_of(ctx).deployments():
        click.echo(_line(row))


@targets.command()
@click.argument("name")
@click.option("--at", "target", required=True, help="As `where` names it.")
@click.option("--model", default="", help="Else your first detector.")
@click.option("--set", "given", multiple=True, help="OPTION=VALUE, once for each.")
@click.option("--credential", type=int, help="Id; else the worker's own environment.")
@click.option("--workspace", "workspace_id", type=int, help="Id; else your oldest.")
@click.pass_context
def plan(
    ctx: click.Context,
    /,
    name: str,
    *,
    target: str,
    given: tuple[str, ...],
    **choices: Any,
) -> None:
    """Say what would be made for NAME, where and for how much; makes nothing."""
    options = dict(_pair(each) for each in given)
    client = client_of(ctx)
    planned = client.plan_deployment(
        name,
        workspace_id=choices["workspace_id"] or client.oldest_workspace(),
        target=target,
        model=choices["model"],
        options=options,
        credential_id=choices["credential"],
    )
    _print_plan(planned)


@targets.command()
@click.argument("deployment", type=int)
@click.pass_context
def show(ctx: click.Context, deployment: int) -> None:
    """Show a deployment with its plan, and what differs from it."""
    _print_plan(client_of(ctx).deployment(deployment))


@targets.command()
@click.argument("deployment", type=int)
@click.option("--model", default="", help="Else the one that it has.")
@click.option("--set", "given", multiple=True, help="OPTION=VALUE, once for each.")
@click.pass_context
def change(
    ctx: click.Context, deployment: int, model: str, given: tuple[str, ...]
) -> None:
    """Plan another model or size; what stands answers until that is confirmed."""
    options = dict(_pair(each) for each in given)
    planned = client_of(ctx).change_deployment(deployment, model, options)
    _print_plan(planned)


@targets.command()
@click.argument("deployment", type=int)
@click.pass_context
def ledger(ctx: click.Context, deployment: int) -> None:
    """List what happened when and who did it, newest first."""
    for entry in client_of(ctx).deployment_ledger(deployment):
        who, note = entry["actor"] or "", entry["note"]
        line = f"{entry['at']}  {entry['kind']:<9}  {entry['model']}  {who}  {note}"
        click.echo(line.rstrip())


@targets.command()
@click.argument("deployment", type=int)
@click.argument("digest")
@click.pass_context
def confirm(ctx: click.Context, deployment: int, digest: str) -> None:
    """Make what the plan of that DIGEST says, and wait for it."""
    client = client_of(ctx)
    _follow(client, client.confirm_deployment(deployment, digest))


@targets.command()
@click.argument("deployment", type=int)
@click.pass_context
def check(ctx: click.Context, deployment: int) -> None:
    """Compare what stands there with the plan; exits 3 where it differs."""
    client = client_of(ctx)
    found = _follow(client, client.check_deployment(deployment))
    if found["drift"]:
        ctx.exit(3)


@targets.command()
@click.argument("deployment", type=int)
@click.confirmation_option(prompt="Remove everything that was made?")
@click.pass_context
def remove(ctx: click.Context, deployment: int) -> None:
    """Take everything away, in the right order."""
    client = client_of(ctx)
    _follow(client, client.remove_deployment(deployment))


@targets.command()
@click.argument("deployment", type=int)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def download(ctx: click.Context, deployment: int, path: Path) -> None:
    """Write a bundle that was made to PATH."""
    click.echo(f"wrote {client_of(ctx).download_bundle(deployment, path)}")


def _pair(text: str) -> tuple[str, str]:
    name, between, value = text.partition("=")
    if not between:
        raise click.UsageError(f"--set takes OPTION=VALUE, got {text!r}")
    return name, value


def _follow(client: Client, begun: dict[str, Any]) -> dict[str, Any]:
    """Wait for the job, and say how things stand then.

    Raises:
        ClientError: It did not work out.
    """
    if begun["job_id"] is not None:  # else nothing was there to be done
        for event in client.watch(begun["job_id"]):
            if event.kind == "log":
                click.echo(event.payload["line"], err=True)
    found = client.deployment(begun["id"])
    if found["error"]:
        raise ClientError(found["error"])
    click.echo(_line(found))
    _print_drift(found)
    return found


def _line(row: dict[str, Any]) -> str:
    head = f"{row['id']:>6}  {row['state']:<9} {row['target']:<14} {row['name']}"
    return f"{head}  {row['url']}".rstrip()


def _print_plan(row: dict[str, Any]) -> None:
    click.echo(_line(row))
    if row["error"]:
        click.echo(f"        {row['error']}")
    planned = row["plan"]
    for step in planned["steps"]:
        price = step["usd_per_hour"]
        cost = "" if not price else f"  about {price:.3f} USD an hour"
        click.echo(f"        {step['kind']} {step['name']} in {step['where']}{cost}")
    for permission in planned["permissions"]:
        click.echo(f"        needs {permission}")
    for note in planned["notes"]:
        click.echo(f"        {note}")
    _print_drift(row)
    if row["state"] in {"planned", "failed"}:
        click.echo(f"dsportal targets confirm {row['id']} {planned['digest']}")


def _print_drift(row: dict[str, Any]) -> None:
    for each in row["drift"]:
        what = f"{each['resource']} {each['field']}".rstrip()
        click.echo(f"        {what}: planned {each['planned']}, found {each['found']}")
