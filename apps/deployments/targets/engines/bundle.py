import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.core import blobs
from apps.core.blobs import Blob
from apps.core.errors import NotFoundError
from apps.deployments.targets import selectors
from apps.deployments.targets.engines.comparing import gone
from apps.deployments.targets.errors import Cause, TargetError
from apps.deployments.targets.services.plans import step_of
from apps.deployments.targets.types import (
    Access,
    Difference,
    Health,
    Option,
    Plan,
    Status,
    Step,
    Wish,
)

if TYPE_CHECKING:
    from apps.accounts.models import User

FORMS = ("tar", "oci-archive")
MACHINES = ("x86_64", "aarch64")
PACK_S = 1800


class BundleTarget:
    """A file to carry away: model, server, packages and a start script."""

    key = "bundle"
    title = _("Bundle")
    summary = _("One file for edge or air-gapped machines, and to build an image from.")
    options = (
        Option(
            name="machine",
            label=_("Processor there"),
            help=_("What uname -m says; aarch64 is ARM."),
            default="x86_64",
            choices=MACHINES,
        ),
        Option(
            name="python",
            label=_("Python there"),
            default=f"{sys.version_info.major}.{sys.version_info.minor}",
            pattern=r"3\.1[1-9]",
        ),
        Option(
            name="form",
            label=_("Form"),
            help=_("A tar to unpack, or an OCI image layout to mount or copy from."),
            default="tar",
            choices=FORMS,
        ),
    )
    secrets = ()
    is_here = False

    def plan(self, wish: Wish) -> Plan:
        body = {
            "name": wish.slug,
            "revision": wish.model.revision,
            "weights_sha256": wish.model.weights_sha256,
            **{name: wish.text(name) for name in ("machine", "python", "form")},
        }
        step = Step(
            key="bundle",
            kind="Bundle",
            name=f"{wish.slug}-v{wish.number}-{body['machine']}.tar",
            where="localhost",
            body=body,
        )
        return Plan(
            target=self.key,
            steps=(step,),
            notes=(
                gettext("It takes about 80 MB in this server's store."),
                gettext(
                    "The packages come from the package index that this server uses; "
                    "the machine there needs a Python and no network."
                ),
                gettext("Only that machine can show how fast it is."),
            ),
        )

    def apply(self, step: Step, access: Access) -> str:
        body = step.body
        folder = Path(settings.RUNS_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="bundle-") as holder:
            made = Path(holder) / "bundle"
            command = [
                *(sys.executable, "-m", "model_server.bundling", access.directory),
                *("--to", str(made), "--form", body["form"], "--name", body["name"]),
                *("--revision", body["revision"], "--machine", body["machine"]),
                *("--python", body["python"]),
            ]
            if settings.BUNDLE_WHEELS:
                command += ["--wheels-from", settings.BUNDLE_WHEELS]
            _run(command)
            with made.open("rb") as file:
                blob = blobs.put(file)
        return json.dumps([blob.sha256, blob.size])

    def status(self, plan: Plan, access: Access) -> Status:  # noqa: ARG002 -- the Protocol's
        return Status(health=Health.LIVE)

    def drift(self, step: Step, access: Access) -> tuple[Difference, ...]:  # noqa: ARG002 -- the Protocol's
        blob = blob_of(step)
        try:
            if blob is not None:
                blobs.open_blob(blob.sha256).close()
                return ()
        except NotFoundError:
            pass
        return gone(step)

    def clean_up(self, step: Step, access: Access) -> None:  # noqa: ARG002 -- the Protocol's
        """Its name is in the file, so that no other bundle has the same bytes."""
        blob = blob_of(step)
        if blob is not None:
            blobs.store().delete(blobs.key(blob.sha256))


def access_bundle(*, user: "User", deployment_id: int) -> tuple[Blob, str]:
    """Return the file of a deployment's bundle, and its name.

    Raises:
        NotFoundError: No such deployment for this user, or no bundle was made of it.
    """
    selectors.access_deployment(user=user, deployment_id=deployment_id)
    for row in selectors.remaining(deployment_id=deployment_id):
        blob = blob_of(step_of(row)) if row.key == "bundle" else None
        if blob is not None:
            return blob, row.name
    raise NotFoundError(gettext("there is no bundle: deploy it first"))


def blob_of(step: Step) -> Blob | None:
    if not step.external_id:
        return None
    sha256, size = json.loads(step.external_id)
    return Blob(sha256=sha256, size=size)


def _run(command: list[str]) -> None:
    try:
        run = subprocess.run(  # noqa: S603 -- a fixed list, no shell
            command, capture_output=True, text=True, check=False, timeout=PACK_S
        )
    except subprocess.TimeoutExpired:
        raise TargetError(
            Cause.TIMEOUT, gettext("The packages did not arrive in time")
        ) from None
    if run.returncode != 0:
        lines = run.stderr.strip().splitlines() or ["?"]
        raise TargetError(Cause.REJECTED, lines[-1].removeprefix("bundling: "))
