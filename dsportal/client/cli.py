"""The ``dsportal`` command."""

from itertools import islice
from pathlib import Path
from typing import Any

import click

from dsportal.client import deploying, diagnosing, fetching, logins
from dsportal.client.api import Client
from dsportal.client.errors import ClientError
from dsportal.client.opening import client_of
from dsportal.client.suiting import find_models
from dsportal.client.types import DatasetVersion, Event, Job
from dsportal.client.verifying import verify


class Commands(click.Group):
    """Says what went wrong in one line and exits 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ClientError as exc:
            raise click.ClickException(str(exc)) from exc


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--url", envvar="DSPORTAL_URL", help="Instead of the stored login's.")
@click.option("--token", envvar="DSPORTAL_TOKEN", help="Instead of the stored login's.")
@click.version_option(package_name="dsportal")
@click.pass_context
def main(ctx: click.Context, url: str | None, token: str | None) -> None:
    """Work with a dsportal server: log in, upload, pre-label, export."""
    ctx.obj = (url, token)


@main.command()
@click.argument("url")
@click.option("--token", prompt=True, hide_input=True, help="Asked for when missing.")
def login(url: str, token: str) -> None:
    """Check a token and keep it for the other commands."""
    with Client(url, token.strip()) as client:
        email = client.email()
    where = logins.store(logins.Login(url=url.rstrip("/"), token=token.strip()))
    click.echo(f"Signed in to {url} as {email}; kept in {where}.")


@main.command()
@click.pass_context
def projects(ctx: click.Context) -> None:
    """List the projects."""
    for row in client_of(ctx).projects():
        click.echo(f"{row.id:>6}  {row.name}")


@main.command("create-project")
@click.argument("name")
@click.option("--label", "labels", multiple=True, help="Once for each label.")
@click.option("--workspace", "workspace_id", type=int, help="Id; else your oldest.")
@click.pass_context
def create_project(
    ctx: click.Context, name: str, labels: tuple[str, ...], workspace_id: int | None
) -> None:
    """Start a project and print its id."""
    client = client_of(ctx)
    made = client.create_project(name, labels=labels, workspace_id=workspace_id)
    click.echo(made.id)


@main.command()
@click.argument("project")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 32))
@click.pass_context
def upload(
    ctx: click.Context, project: str, paths: tuple[Path, ...], workers: int
) -> None:
    """Upload image files and the images in folders to PROJECT (id or name)."""
    client = client_of(ctx)
    with click.progressbar(label="Uploading", length=1) as bar:

        def show(num_done: int, total: int) -> None:
            bar.length = total
            bar.update(num_done - bar.pos)

        done = client.upload(project, paths, workers=workers, on_progress=show)
    refused = [one for one in done if one.error]
    for one in refused:
        click.echo(f"{one.path}: {one.error}", err=True)
    num_new = sum(one.is_new for one in done)
    num_known = len(done) - num_new - len(refused)
    click.echo(f"{num_new} new, {num_known} already there, {len(refused)} refused")
    if refused:
        ctx.exit(1)


@main.command()
@click.argument("project")
@click.option(
    "--model", default="", help="A detector's name; else the first that fits."
)
@click.option(
    "--threshold", default=0.2, show_default=True, type=click.FloatRange(0, 1)
)
@click.option("--watch/--no-watch", "is_watched", default=True, show_default=True)
@click.pass_context
def prelabel(
    ctx: click.Context, project: str, model: str, threshold: float, *, is_watched: bool
) -> None:
    """Ask a model for proposals on PROJECT's images that are not submitted."""
    client = client_of(ctx)
    job_id = client.prelabel(project, model=model, score_threshold=threshold)
    click.echo(f"job {job_id}")
    if is_watched:
        _watch(ctx, client, job_id)


@main.command()
@click.argument("project")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--only-submitted", is_flag=True)
@click.pass_context
def export(
    ctx: click.Context, project: str, path: Path, *, only_submitted: bool
) -> None:
    """Write PROJECT's annotations to PATH as COCO."""
    client = client_of(ctx)
    click.echo(client.export(project, path, only_submitted=only_submitted))


@main.command("import")
@click.argument("project")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--form", default="coco", show_default=True, help="A format's name.")
@click.option(
    "--dry-run", "is_dry_run", is_flag=True, help="Only say what would change."
)
@click.option(
    "--replace", "is_replacing", is_flag=True,
    help="Take away what the file does not have, on images that it names.",
)  # fmt: skip
@click.pass_context
def import_annotations(
    ctx: click.Context,
    project: str,
    path: Path,
    form: str,
    *,
    is_dry_run: bool,
    is_replacing: bool,
) -> None:
    """Merge the annotations of PATH, one file or a zip, into PROJECT."""
    client = client_of(ctx)
    job_id = client.import_annotations(
        project, path, form=form, is_dry_run=is_dry_run, is_replacing=is_replacing
    )
    click.echo(f"job {job_id}")
    _watch(ctx, client, job_id)
    for name, said in client.job(job_id).result.items():
        click.echo(f"{name}: {said}")


@main.command()
@click.argument("project")
@click.pass_context
def versions(ctx: click.Context, project: str) -> None:
    """List PROJECT's dataset versions, newest first."""
    for row in client_of(ctx).versions(project):
        click.echo(_version_line(row))


@main.command("make-version")
@click.argument("project")
@click.option("--note", default="", help="What this version is for.")
@click.option("--all", "is_all", is_flag=True, help="Also images not submitted.")
@click.option(
    "--shares", type=(int, int), help="Per cent of train and val; the rest is test."
)
@click.pass_context
def make_version(
    ctx: click.Context,
    project: str,
    note: str,
    shares: tuple[int, int] | None,
    *,
    is_all: bool,
) -> None:
    """Freeze PROJECT as its next dataset version and print it."""
    made = client_of(ctx).make_version(
        project, note=note, only_submitted=not is_all, shares=shares
    )
    click.echo(_version_line(made))


@main.command("diff-version")
@click.argument("version_id", metavar="VERSION", type=int)
@click.option("--since", type=int, help="Id of the older version; else the one before.")
@click.pass_context
def diff_version(ctx: click.Context, version_id: int, since: int | None) -> None:
    """Say what changed in the dataset version with the id VERSION."""
    found = client_of(ctx).diff_versions(version_id, since=since)
    rows = [("images", found["images"]), ("objects", found["annotations"])]
    rows += [(f"  {row['label']}", row) for row in found["classes"]]
    for name, tally in rows:
        click.echo(
            f"{name:<24} +{tally['added']} -{tally['removed']} ~{tally['changed']}"
        )


@main.command("merge-versions")
@click.argument("version_id", metavar="VERSION", type=int)
@click.argument("other_id", metavar="OTHER", type=int)
@click.option(
    "--rule",
    type=click.Choice(["union", "ours", "theirs", "newest"]),
    default="union",
    show_default=True,
    help="Whose an image is that both changed.",
)
@click.option("--note", default="", help="What the merged version is for.")
@click.option(
    "--preview", "is_preview", is_flag=True, help="Say only what it would do."
)
@click.pass_context
def merge_versions(
    ctx: click.Context,
    version_id: int,
    other_id: int,
    rule: str,
    note: str,
    *,
    is_preview: bool,
) -> None:
    """Merge the dataset version with the id OTHER into VERSION, as a new version."""
    client = client_of(ctx)
    if not is_preview:
        made = client.merge_versions(version_id, other_id, rule=rule, note=note)
        click.echo(_version_line(made))
        return
    found = client.preview_merge(version_id, other_id)
    for kind, num in found["images"].items():
        click.echo(f"{kind.replace('_', ' '):<16}{num:>9}")
    for row in found["conflicts"]:
        click.echo(
            f"  {row['name']}  +{row['added']} -{row['removed']} ~{row['changed']}"
        )


@main.command("restore-version")
@click.argument("version_id", metavar="VERSION", type=int)
@click.pass_context
def restore_version(ctx: click.Context, version_id: int) -> None:
    """Put the project back to the dataset version with the id VERSION."""
    done = client_of(ctx).restore_version(version_id)
    num = done["num_changed"] + done["num_added"]
    click.echo(f"{num} images restored; undo with restore-version {done['before_id']}")


def _version_line(row: DatasetVersion) -> str:
    splits = ", ".join(f"{name} {num}" for name, num in row.splits.items())
    return (
        f"{row.id:>6}  v{row.number}  {row.content_hash[:8]}  {row.num_images} images "
        f"({splits}), {row.num_annotations} objects  {row.note}"
    )


@main.command()
@click.argument("version", type=int)
@click.option("--name", required=True, help="Of the run and its model.")
@click.option("--preset", default="balanced", show_default=True)
@click.option("--base", type=int, help="A model revision to begin with.")
@click.option("--watch/--no-watch", "is_watched", default=True, show_default=True)
@click.pass_context
def train(
    ctx: click.Context,
    version: int,
    name: str,
    preset: str,
    base: int | None,
    *,
    is_watched: bool,
) -> None:
    """Train on dataset VERSION and publish the model."""
    client = client_of(ctx)
    run = client.start_run(version, name=name, preset=preset, base=base)
    click.echo(f"run {run['id']}, job {run['job_id']}")
    if is_watched:
        _watch(ctx, client, run["job_id"])


@main.command()
@click.option("--status", help="Only those queued, running, done, failed, ...")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@click.pass_context
def jobs(ctx: click.Context, status: str | None, limit: int) -> None:
    """List jobs, newest first."""
    for job in islice(client_of(ctx).jobs(status=status), limit):
        click.echo(_job_line(job))


@main.command()
@click.argument("job_id", metavar="JOB")
@click.option("--after", default=0, help="Go on after this event number.")
@click.pass_context
def watch(ctx: click.Context, job_id: str, after: int) -> None:
    """Follow a job until it is over; exits 1 when it did not go well."""
    _watch(ctx, client_of(ctx), job_id, after)


@main.command()
@click.argument("project")
@click.argument("source")
@click.option(
    "--every",
    "every_s",
    default=1.0,
    show_default=True,
    help="Of a video, a frame each so many seconds.",
)
@click.option("--folder", default="", help="Of a bucket; else all of it.")
@click.pass_context
def add(
    ctx: click.Context, project: str, source: str, every_s: float, folder: str
) -> None:
    """Add images to PROJECT from SOURCE.

    A zip, a video, a text file of addresses, one address, or the name of a bucket that
    the server's settings have.
    """
    client, path = client_of(ctx), Path(source)
    if source.startswith(("http://", "https://")):
        job_id = client.add_addresses(project, [source])
    elif path.suffix.lower() == ".txt":
        job_id = client.add_addresses(project, path.read_text().split())
    elif path.exists():
        job_id = client.add_file(project, path, every_s=every_s)
    else:
        job_id = client.add_bucket(project, source, folder)
    click.echo(f"job {job_id}")
    _watch(ctx, client, job_id)


main.add_command(diagnosing.diagnose)
main.add_command(find_models)
main.add_command(deploying.targets)
main.add_command(fetching.catalogue)
main.add_command(fetching.fetch)
main.add_command(verify)


def _watch(ctx: click.Context, client: Client, job_id: str, after: int = 0) -> None:
    for event in client.watch(job_id, after=after):
        click.echo(f"{event.seq:>6}  {_event_line(event)}")
    if client.job(job_id).status != "done":
        ctx.exit(1)


def _job_line(job: Job) -> str:
    progress = f"{job.num_done}/{job.num_total}" if job.num_total else ""
    return f"{job.id}  {job.status:<9} {progress:>11}  {job.title}"


def _event_line(event: Event) -> str:
    said = event.payload
    match event.kind:
        case "state":
            return " ".join(filter(None, [said["status"], said.get("detail")]))
        case "progress":
            left = "" if said.get("eta_s") is None else f", {said['eta_s']} s left"
            return f"{said['done']}/{said['total']}{left}"
        case "item":
            if "name" in said:
                return " ".join(filter(None, [said["name"], said.get("error")]))
            found = said.get("error") or f"{said.get('num_predictions', 0)} found"
            return f"image {said.get('image_id')}: {found}"
        case "metric":
            told = "  ".join(f"{k} {v:.4g}" for k, v in said["values"].items())
            return f"step {said['step']}: {told}"
        case _:
            return str(said.get("line", said))
