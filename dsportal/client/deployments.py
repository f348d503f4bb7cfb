"""The client's calls for deployments to clusters, clouds and bundles."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dsportal.client.http import Http

_TARGETS = "deployments/targets/"
_ALL = f"{_TARGETS}deployments/"


class DeploymentCalls:
    """What Client says of deployments elsewhere; it brings the connection."""

    _http: Http

    def targets(self) -> list[dict[str, Any]]:
        """Where a model can answer, and what each place asks."""
        found: list[dict[str, Any]] = self._http.get(_TARGETS)
        return found

    def deployments(self) -> Iterator[dict[str, Any]]:
        return self._http.pages(_ALL)

    def deployment(self, deployment_id: int) -> dict[str, Any]:
        """A deployment with its plan, its state, and what differs from the plan."""
        found: dict[str, Any] = self._http.get(f"{_ALL}{deployment_id}/")
        return found

    def plan_deployment(
        self,
        name: str,
        *,
        workspace_id: int,
        target: str,
        model: str = "",
        options: Mapping[str, object] | None = None,
        credential_id: int | None = None,
    ) -> dict[str, Any]:
        """Plan a model at a target; nothing is made until the plan is confirmed."""
        body = {
            "workspace_id": workspace_id,
            "name": name,
            "target": target,
            "model": model,
            "options": dict(options or {}),
            "credential_id": credential_id,
        }
        return self._said(self._http.post(_ALL, body))

    def confirm_deployment(self, deployment_id: int, digest: str) -> dict[str, Any]:
        """Make what the plan of that digest says; the answer names the job."""
        return self._change(deployment_id, "confirm", {"digest": digest})

    def change_deployment(
        self,
        deployment_id: int,
        model: str = "",
        options: Mapping[str, object] | None = None,
    ) -> dict[str, Any]:
        """Plan another model or size; what stands answers until that is confirmed."""
        body = {"model": model, "options": dict(options or {})}
        return self._change(deployment_id, "change", body)

    def deployment_ledger(self, deployment_id: int) -> Iterator[dict[str, Any]]:
        """What happened when and who did it, newest first."""
        return self._http.pages(f"{_ALL}{deployment_id}/ledger/")

    def check_deployment(self, deployment_id: int) -> dict[str, Any]:
        """Compare what stands there with the plan; the answer names the job."""
        return self._change(deployment_id, "check", {})

    def remove_deployment(self, deployment_id: int) -> dict[str, Any]:
        """Take everything away; the answer names the job."""
        return self._said(self._http.delete(f"{_ALL}{deployment_id}/"))

    def download_bundle(self, deployment_id: int, path: str | Path) -> Path:
        target = Path(path)
        self._http.download(f"{_ALL}{deployment_id}/bundle/", target)
        return target

    def _change(
        self, deployment_id: int, action: str, body: dict[str, Any]
    ) -> dict[str, Any]:
        return self._said(self._http.post(f"{_ALL}{deployment_id}/{action}/", body))

    @staticmethod
    def _said(answer: Any) -> dict[str, Any]:
        said: dict[str, Any] = answer.json()
        return said
