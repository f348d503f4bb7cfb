"""``dsportal verify``: whether a folder holds what a server signed."""

import importlib
from pathlib import Path
from typing import Any

import click

from dsportal.client.errors import ClientError
from dsportal.client.opening import client_of

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("model", required=False)
@click.option("--revision", default="main", show_default=True)
@click.option("--key", type=_FILE, help="The public key to trust; else the server's.")
@click.option("--signature", type=_FILE, help="A kept one, with --key: asks no server.")
@click.option(
    "--save", type=click.Path(path_type=Path, file_okay=False),
    help="Keep the signature and the public key in this folder.",
)  # fmt: skip
@click.pass_context
def verify(
    ctx: click.Context, /, folder: Path, model: str | None, **options: Any
) -> None:
    """Check that FOLDER holds what the server signed as MODEL; exits 1 when not."""
    # Only here: nothing else that the client does needs the portal's own code.
    signatures: Any = importlib.import_module("apps.marketplace.formats.signatures")
    bundle, public_pem = _signature(ctx, model, **options)
    try:
        told = signatures.read(bundle, public_pem=public_pem)
    except signatures.BadSignatureError as exc:
        raise ClientError(f"{exc}: fetch the model and its key anew") from exc
    differences = signatures.compare(told, signatures.hash_folder(folder))
    for word in ("changed", "missing", "unsigned"):
        for path in getattr(differences, word):
            click.echo(f"{word:<9} {path}")
    if differences:
        ctx.exit(1)
    name = signatures.fingerprint(public_pem)[:12]
    click.echo(f"{len(told)} files are as they were signed by key {name}.")


def _signature(
    ctx: click.Context,
    model: str | None,
    *,
    revision: str,
    key: Path | None,
    signature: Path | None,
    save: Path | None,
) -> tuple[str, str]:
    """Return the signature and the key to check it with."""
    if signature is not None:
        if key is None:
            raise ClientError("--signature needs --key, the public key to trust")
        return signature.read_text(), key.read_text()
    if model is None:
        raise ClientError(
            "name the MODEL as namespace/name, or a --signature and its --key"
        )
    told = client_of(ctx).signature(model, revision=revision)
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
        (save / "model.sig").write_text(told["bundle"])
        (save / "signing-key.pem").write_text(told["public_pem"])
    return told["bundle"], key.read_text() if key else told["public_pem"]
