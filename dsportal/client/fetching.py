"""The commands `catalogue` and `fetch`."""

import click

from dsportal.client.mirrors import LISTED
from dsportal.client.opening import client_of


@click.command()
@click.argument("words", nargs=-1)
@click.option("--task", default="", help="Such as object-detection.")
@click.option("--licence", default="", help='Such as apache-2.0; "unknown" for none.')
@click.option("--limit", default=LISTED, show_default=True, type=click.IntRange(1, 500))
@click.pass_context
def catalogue(
    ctx: click.Context, words: tuple[str, ...], task: str, licence: str, limit: int
) -> None:
    """List pretrained models that `dsportal fetch` brings, with all WORDS."""
    rows = client_of(ctx).catalogue(
        " ".join(words), limit=limit, task=task, licence=licence
    )
    for row in rows:
        size = f"{row['parameters'] / 1e6:.1f} M" if row["parameters"] else "-"
        facts = f"{size:>9}  {row['task']:<28} {row['licence'] or '-':<14}"
        click.echo(f"{facts} {row['source']}")


@click.command()
@click.argument("source")
@click.option("--revision", default="", help="Branch, tag or commit; else main.")
@click.option("--name", default="", help="Of the model here; else as there.")
@click.option("--workspace", "workspace_id", type=int, help="Id; else your oldest.")
@click.pass_context
def fetch(
    ctx: click.Context, source: str, revision: str, name: str, workspace_id: int | None
) -> None:
    """Have the server bring the model SOURCE (namespace/name) of its upstream."""
    client = client_of(ctx)
    told = client.fetch_model(
        source, revision=revision, name=name, workspace_id=workspace_id
    )
    if told["job_id"] is None:
        mirror = told["mirror"]
        click.echo(f"{mirror['model']} is at {mirror['sha'][:12]} already.")
        return
    for event in client.watch(told["job_id"]):
        if event.kind == "item":
            click.echo(event.payload["name"])
    job = client.job(told["job_id"])
    if job.status != "done":
        raise click.ClickException(job.error or f"the job is {job.status}")
    result = job.result
    click.echo(
        f"{result['model']}: {result['num_files']} files, "
        f"{result['num_bytes_moved']} bytes moved. "
        f"{result['said']} {result['why_not']}".rstrip()
    )
