"""``dsportal find-models``: the models that suit some labeled images, from the shell."""

import click

from dsportal.client.errors import ClientError
from dsportal.client.opening import client_of, follow, version_of


@click.command("find-models")
@click.argument("dataset")
@click.option("--images", "num_images", default=40, show_default=True, help="20 to 50.")
@click.option("--image", "image_ids", type=int, multiple=True, help="These alone.")
@click.option("--split", default="", help="train, val or test; else all.")
@click.option("--most-ms", type=float, help="Leave out what takes longer a picture.")
@click.pass_context
def find_models(
    ctx: click.Context,
    /,
    dataset: str,
    *,
    num_images: int,
    image_ids: tuple[int, ...],
    split: str,
    most_ms: float | None,
) -> None:
    """Rank the models here by how well they suit DATASET's labeled images.

    DATASET is the id of a dataset version, or a project, whose newest version is taken.
    """
    client = client_of(ctx)
    search = client.find_models(
        version_of(client, dataset),
        num_images=num_images,
        image_ids=image_ids,
        split=split,
        most_ms=most_ms,
    )
    status = follow(client, search["job_id"], label="Asking models")
    found = client.found_models(search["id"])
    if status != "done":
        raise ClientError(f"the search is not done: {found['error'] or status}")
    for row in found["models"]:
        click.echo(
            f"{row['rank']:>3}  {row['score']:>8.3f}  first in {row['num_first']:>2}/"
            f"{row['num_parts']}  {row['time_ms']:>8.1f} ms  {row['licence'] or '-':<14} "
            f"{row['model']}"
        )
    for row in found["left_out"]:
        click.echo(f"  -  {row['model']}: {row['why']}")
