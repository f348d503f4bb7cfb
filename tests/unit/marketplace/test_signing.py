"""Revisions are signed as they are made; OpenSSF's own tool is the oracle."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.marketplace.formats import signatures
from apps.marketplace.models import ModelRevision, RevisionFile, SigningKey
from apps.marketplace.selectors.signatures import signed
from apps.marketplace.services.checkouts import checked_out
from apps.marketplace.services.publishing import publish_model
from dsportal.client.cli import main


@pytest.fixture
def made(
    alice: User,
    workspace: Workspace,
    model_folder: Callable[..., Path],
    settings: Any,
    tmp_path: Path,
) -> ModelRevision:
    settings.CHECKOUTS_DIR = tmp_path / "checkouts"
    info = publish_model(
        user=alice,
        workspace_id=workspace.pk,
        name="boards",
        folder=model_folder(),
        message="Trained",
    )
    return ModelRevision.objects.get(pk=info.id)


@pytest.fixture
def fetched(made: ModelRevision, tmp_path: Path) -> Path:
    """What a client has: the files, a copy of its own, and beside them what it keeps."""
    folder = tmp_path / "fetched"
    shutil.copytree(checked_out(made.pk), folder)
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("of the client")
    return folder


@pytest.fixture
def kept(made: ModelRevision, tmp_path: Path) -> tuple[str, str]:
    """The signature and the public key as files."""
    found = signed(made)
    assert found is not None
    (tmp_path / "model.sig").write_text(found.bundle)
    (tmp_path / "key.pem").write_text(found.public_pem)
    return str(tmp_path / "model.sig"), str(tmp_path / "key.pem")


OPENSSF = """
import sys
from model_signing.verifying import Config
signature, key, *folders = sys.argv[1:]
for folder in folders:
    try:
        Config().use_elliptic_key_verifier(public_key=key).verify(folder, signature)
    except ValueError as exc:
        print(exc)
    else:
        print("sound")
"""


def openssf(kept: tuple[str, str], *folders: Path) -> list[str]:
    """What OpenSSF's own package says of folders; apart, for it warns a good deal."""
    command = [sys.executable, "-c", OPENSSF, *kept, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def verify(folder: Path, kept: tuple[str, str]) -> tuple[int, str]:
    given = ["verify", str(folder), "--signature", kept[0], "--key", kept[1]]
    result = CliRunner().invoke(main, given)
    return result.exit_code, result.output


def test_the_tool_of_openssf_and_ours_agree_on_what_was_signed(
    fetched: Path, kept: tuple[str, str]
):
    changed = shutil.copytree(fetched, fetched.with_name("changed"))
    (changed / "README.md").write_text("Another card")

    sound, refused = openssf(kept, fetched, changed)

    assert sound == "sound"
    assert "Hash mismatch" in refused
    assert "README.md" in refused
    assert "3 files are as they were signed" in verify(fetched, kept)[1]
    assert verify(changed, kept) == (1, "changed   README.md\n")


def test_missing_and_additional_files_are_named(fetched: Path, kept: tuple[str, str]):
    (fetched / "config.json").unlink()
    (fetched / "run.py").write_text("print(1)")

    assert verify(fetched, kept) == (1, "missing   config.json\nunsigned  run.py\n")


def test_another_key_and_what_is_no_signature_are_refused(
    fetched: Path, kept: tuple[str, str], tmp_path: Path
):
    _private, public = signatures.new_key()
    (tmp_path / "other.pem").write_text(public)
    (tmp_path / "noise.sig").write_text('{"dsseEnvelope": []}')

    code, said = verify(fetched, (kept[0], str(tmp_path / "other.pem")))
    assert (code, "the signature is not of this key" in said) == (1, True)
    code, said = verify(fetched, (str(tmp_path / "noise.sig"), kept[1]))
    assert (code, "not a signature of a model" in said) == (1, True)


def test_who_edits_the_database_loses_the_badge(
    alice: User, client: Client, made: ModelRevision
):
    client.force_login(alice)
    url = reverse("marketplace:model", args=["plant-7", "boards"])
    api = reverse("marketplace-api:signature", args=["plant-7", "boards"])
    before = client.get(url).text, client.get(api).json()["holds"]

    RevisionFile.objects.filter(path="README.md").update(sha256="0" * 64)
    found = signed(made)

    assert "dsportal verify FOLDER plant-7/boards" in before[0]
    assert before[1] is True
    assert found is not None
    assert found.differences is not None
    assert found.differences.changed == ("README.md",)
    assert client.get(api).json()["holds"] is False


def test_a_new_secret_of_the_server_makes_a_new_key_and_old_signatures_hold(
    made: ModelRevision, alice: User, workspace: Workspace, settings: Any,
    model_folder: Callable[..., Path],
):  # fmt: skip
    settings.SECRET_KEY = "another-secret-of-the-server-" + "x" * 30
    again = publish_model(
        user=alice,
        workspace_id=workspace.pk,
        name="boards",
        folder=model_folder("again", fill=2.0),
        message="Again",
    )

    old, new = signed(made), signed(ModelRevision.objects.get(pk=again.id))

    assert SigningKey.objects.count() == 2
    assert old is not None
    assert new is not None
    assert old.fingerprint != new.fingerprint
    assert (old.holds, new.holds) == (True, True)
