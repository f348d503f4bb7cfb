"""``dsportal diagnose``: a report on a model and data, from the shell or from CI."""

import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from deepseek_diagnostics.catalog import TOOLS, Need
from dsportal.client.api import Client
from dsportal.client.errors import ClientError
from dsportal.client.opening import client_of, follow, version_of

# The option that gives a tool what it needs, or what the model must be or have.
NEEDED = {
    Need.OTHER_MODEL: "--other",
    Need.REFERENCE: "--reference",
    Need.CURVES: "--run",
    Need.DETECTOR: "a dsportal-detector",
    Need.FLOAT_FILE: "its 32-bit graph or weights",
    Need.PACKED_FILE: "its 8-bit file",
}


def _list(ctx: click.Context, _option: click.Parameter, is_wanted: bool) -> None:  # noqa: FBT001 -- click's
    """Name the tools, one a line; needs no server."""
    if not is_wanted or ctx.resilient_parsing:
        return
    for tool in TOOLS:
        options = ", ".join(sorted(NEEDED[need] for need in tool.needs))
        needs = f" (needs {options})" if options else ""
        click.echo(f"{tool.id:<14} {tool.question}{needs}")
    ctx.exit()


@click.command()
@click.argument("model")
@click.argument("dataset")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
    help="Name the tools, one a line, and stop.",
)  # fmt: skip
@click.option(
    "--all", "is_all", is_flag=True, help="Every tool that has what it needs."
)
@click.option("--tool", "tools", multiple=True, help="Once for each tool.")
@click.option("--split", "splits", multiple=True, help="train, val or test; else all.")
@click.option("--other", type=int, help="A second model revision, to compare with.")
@click.option("--reference", type=int, help="A dataset version to compare with.")
@click.option("--run", type=int, help="A training run whose health is looked at.")
@click.option(
    "--map", "pairs", multiple=True, metavar="CLASS=LABEL",
    help="Where names differ, once for each; CLASS= leaves the class out.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The HTML report."
)
@click.pass_context
def diagnose(
    ctx: click.Context,
    /,
    model: str,
    dataset: str,
    *,
    is_all: bool,
    tools: tuple[str, ...],
    out: Path | None,
    **choices: Any,
) -> None:
    """Say why MODEL errs on DATASET: a summary here, and one HTML report.

    MODEL is namespace/name, namespace/name@revision or the number of a revision;
    DATASET is the id of a dataset version, or a project, whose newest version is taken.
    """
    if not is_all and not tools:
        raise click.UsageError(
            "say --all, or name tools with --tool; --list names them"
        )
    client = client_of(ctx)
    report = client.start_report(
        version_of(client, dataset),
        model=model,
        tools=() if is_all else tools,
        splits=choices["splits"],
        other_revision_id=choices["other"],
        reference_version_id=choices["reference"],
        run_id=choices["run"],
        mapping=_mapping(choices["pairs"]),
    )
    click.echo(
        f"report {report['id']}, job {report['job_id']}: {report['num_images']} images, "
        f"about {report['estimate_s'] or 0:.0f} s",
        err=True,
    )
    _follow(client, report)
    told = client.report_results(report["id"])
    _print(told["summary"])
    path = client.export_report(
        report["id"], out or Path(f"report-{report['id']}.html")
    )
    click.echo(f"wrote {path}")
    gate = [row for row in told["results"] if row["values"].get("gate") == "fail"]
    if gate:
        click.echo(
            f"the gate fails: {', '.join(row['tool'] for row in gate)}", err=True
        )
        ctx.exit(3)


def _mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        name, equals, label = pair.partition("=")
        if not (name.strip() and equals):
            raise click.BadParameter(f"{pair} is not CLASS=LABEL", param_hint="--map")
        mapping[name.strip()] = label.strip()
    return mapping


def _follow(client: Client, report: dict[str, Any]) -> None:
    if follow(client, report["job_id"], label="Measuring") != "done":
        told = client.report(report["id"])
        raise ClientError(f"the report is not done: {told['error'] or told['status']}")


def _print(rows: list[dict[str, Any]]) -> None:
    """The summary as a table as wide as the terminal."""
    room = max(40, shutil.get_terminal_size((120, 24)).columns - 50)
    for row in rows:
        lines = textwrap.wrap(row["text"], room) or [""]
        click.echo(f"{row['title']:<20} {row['figure']:<28} {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':<49} {line}")
